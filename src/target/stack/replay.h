/* SPDX-License-Identifier: MIT */
/* Steps out of frames that no recipe describes. */
#ifndef HEAPTAP_SRC_TARGET_STACK_REPLAY_H
#define HEAPTAP_SRC_TARGET_STACK_REPLAY_H

#include "cfi/cfi.h"
#include "target/stack/stack_range.h"

/*
 * A walk with all registers, for the few frames that no recipe describes (ld.so's lazy-binding
 * trampoline keeps its CFA in rbx, hand-written assembler in any register). All registers are known
 * only in the library's own frame, so the walk is repeated from there with whole rows of rules. A
 * later such frame continues where the last one stopped.
 */
struct ht_replay {
    struct ht_all_regs regs;
    struct ht_stack_range w;
    bool begun;
};

/* Steps out of the frame at `to`, which must be a caller of this call. begun: false at first. */
bool ht_step_other(struct ht_replay *p, struct ht_regs *to);

#endif

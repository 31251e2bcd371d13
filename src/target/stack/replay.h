/* SPDX-License-Identifier: MIT */
/* Stepping out of frames whose rule no recipe holds. */
#ifndef HEAPTAP_SRC_TARGET_STACK_REPLAY_H
#define HEAPTAP_SRC_TARGET_STACK_REPLAY_H

#include "cfi/cfi.h"
#include "target/stack/stack_range.h"

/*
 * All registers, for the few frames whose rule a recipe does not hold (ld.so's lazy-binding
 * trampoline keeps its CFA in rbx, assembler its own in anything). They are known here, in
 * our own frame, and nowhere above it: so the rows of the frames between are followed once more, by
 * ones that keep everything. A later such frame goes on from where the last one was.
 */
struct ht_replay {
    struct ht_all_regs regs;
    struct ht_stack_range w;
    bool begun;
};

/* Steps out of the frame at `to`, which must be a caller of this call. begun: false at first. */
bool ht_step_other(struct ht_replay *p, struct ht_regs *to);

#endif

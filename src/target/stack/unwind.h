/* SPDX-License-Identifier: MIT */
/*
 * Walks the calling thread's stack into references of frames. No lock, no system call while on the
 * thread's own stack, no load outside memory known to be mapped.
 */
#ifndef HEAPTAP_SRC_TARGET_STACK_UNWIND_H
#define HEAPTAP_SRC_TARGET_STACK_UNWIND_H

#include <stdint.h>

#include "region/layout.h"
#include "target/state/state.h"

struct ht_regs {
    uint64_t pc, sp, bp;
};

/*
 * Registers of the caller of the function in which this macro is used, as they are when that
 * function returns: pc, sp and bp. The file must be compiled with frame pointers. Three arguments
 * and not a struct: a struct, stored word by word and copied by pairs, had to wait for its own
 * stores (10 % of a realloc in exact mode).
 */
#define HT_CALLER()                                                                                \
    (uint64_t) __builtin_return_address(0), (uint64_t)__builtin_frame_address(0) + 16,             \
        *(uint64_t *)__builtin_frame_address(0)

/* The site of a size at a rate with a set of labels (0: none) on the stack at regs. The stack is
 * walked, or found in a cache. 0 when there was no room for the site. */
ht_ref ht_site_of(const struct ht_regs *regs, uint64_t size, uint64_t rate, uint32_t labels);

#endif

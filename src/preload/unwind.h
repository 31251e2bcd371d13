/* SPDX-License-Identifier: MIT */
/*
 * Walking the calling thread's stack into frame references. No lock, no system call while on the
 * thread's own stack, no load outside memory known to be mapped. Warm: a few nanoseconds a frame.
 */
#ifndef HEAPTAP_SRC_PRELOAD_UNWIND_H
#define HEAPTAP_SRC_PRELOAD_UNWIND_H

#include <stdint.h>

#include "preload/state.h"
#include "region/layout.h"

struct ht_regs {
    uint64_t pc, sp, bp;
};

/*
 * The caller of the function this stands in, as it is when that function returns. The file must be
 * compiled with frame pointers.
 */
#define HT_CALLER()                                                                                \
    ((struct ht_regs){(uint64_t)__builtin_return_address(0),                                       \
                      (uint64_t)__builtin_frame_address(0) + 16,                                   \
                      *(uint64_t *)__builtin_frame_address(0)})

/* Finds the bounds of the running thread's own stack (t->stack_lo, stack_hi; 0, 0 if unknown). */
void ht_stack_bounds(struct ht_tls *t);

/* Learns the main thread's stack; call once at start. */
void ht_unwind_setup(void);

/* What a walk read from the stack, for ht_memo. */
struct ht_trace {
    uint64_t sp;
    uint32_t n;
    bool bp_given; /* rbp is still the caller's own value */
    bool bp_used;  /* and a frame was found by it: it must be the same the next time */
    bool usable;   /* only the thread's own stack was read, by unwind data, and all fits */
    uint32_t offsets[HT_MEMO_WORDS];
    uint64_t words[HT_MEMO_WORDS];
};

/*
 * Fills frames (leaf first, at most max) and returns their number; *flags gets HT_STACK_*. trace may
 * be NULL.
 */
uint32_t ht_unwind(struct ht_regs regs, ht_ref *frames, uint32_t max, uint32_t *flags,
                   struct ht_trace *trace);

#endif

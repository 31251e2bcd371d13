/* SPDX-License-Identifier: MIT */
/* The bounds of the running thread's own stack. Any thread; signal-safe; takes no lock. */
#ifndef HEAPTAP_SRC_TARGET_OS_THREAD_STACK_H
#define HEAPTAP_SRC_TARGET_OS_THREAD_STACK_H

#include <stdint.h>

#include "target/os/hidden.h"

/* Learns the main thread's stack; once at start. */
void ht_thread_stack_setup(void);

/* The bounds of the running thread's own stack; 0, 0 when they are not known. */
void ht_stack_bounds(uint64_t *lo, uint64_t *hi);

extern HT_HIDDEN uint64_t ht_main_stack_end; /* 0: not known */

/* mmap never places anything within this of the main stack's top (mmap_base's minimal gap). */
#define HT_MAIN_STACK_SPAN (120ull << 20)

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Tagged placement. At rates of 128 KiB and up, sampled blocks of up to 1,040 bytes are page-
 * aligned, so free() rejects almost every other pointer with one test. A larger sampled block is
 * left where the allocator puts it; while one is live at an untagged address, free() looks every
 * pointer up.
 */
#ifndef HEAPTAP_SRC_TARGET_ALLOCATOR_PLACE_H
#define HEAPTAP_SRC_TARGET_ALLOCATOR_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/os/hidden.h"
#include "target/state/state.h"

/* Address bits that are 0 in every live sampled block; 0: any. Relaxed; 0 is always right, only
 * slower. */
extern HT_HIDDEN uint32_t ht_free_mask;

/* Sampled blocks are placed so that ht_free_mask holds. Relaxed. */
extern HT_HIDDEN _Atomic uint32_t ht_aligned;

/* ht_aligned is or was true: placed blocks may be live. Relaxed. */
extern HT_HIDDEN _Atomic uint32_t ht_aligned_once;

/* A larger block is not placed: it would cost an alignment, a copy or a clearing at each sample,
 * and memalign would fragment the heap (tests/hazards/h53). */
#define HT_PLACE_MAX 1040u

/* A placed block may be resized in place, beyond the size that it was placed for; up to this
 * requested size it is treated as placed. */
#define HT_PLACED_ASKED 32768u

/* The least size of a placed block. It is larger than what glibc's per-thread caches keep, so a
 * freed one goes back into the heap and does not hold a page in its thread's cache (seen: 12 KiB
 * a thread, bench/memory.py). */
#define HT_PLACED_MIN 1040u

/* Bit 4 is left out of the test, because glibc's mmapped chunks start 16 bytes into a page. */
#define HT_TAG_MASK 0xfefu

static inline bool ht_is_tagged(const void *p)
{
    return ((uintptr_t)p & HT_TAG_MASK) == 0;
}

/* A block at a tagged address, of that size and alignment, or NULL. *recyclable is set when it may
 * be given to ht_place_recycle once it is freed. */
void *ht_place(size_t size, size_t align, bool *recyclable);

/*
 * Called in place of freeing a block that ht_place called recyclable. Returns true when it is kept
 * for the next ht_place. A few are kept, those of the lowest addresses, so that none is in the way
 * of a heap that shrinks. Any thread; signal-safe, because each slot is one exchange.
 */
bool ht_place_recycle(void *p);

/* Gives all kept blocks back to the allocator. Before the allocator destroys a heap in which
 * some of them may lie. */
void ht_place_release(void);

/* For a free of p that has no live record. If p is a kept block, the program frees it a second
 * time: it is freed now, so that the allocator sees both frees and judges the caller's. */
void ht_place_freed_twice(void *p);

/* A sampled block was added at p, or removed: counted when p is not tagged. */
void ht_place_untagged_added(void);
void ht_place_untagged_removed(void);
static inline bool ht_place_is_counted(const void *p)
{
    return HT_UNLIKELY(!ht_is_tagged(p)) && atomic_load_explicit(&ht_aligned, memory_order_relaxed);
}
static inline void ht_place_added(const void *p)
{
    if (ht_place_is_counted(p))
        ht_place_untagged_added();
}
static inline void ht_place_removed(const void *p)
{
    if (ht_place_is_counted(p))
        ht_place_untagged_removed();
}

/* At each sample: after some samples without a live untagged block, sets the mask again. */
void ht_place_try_reopen_mask(void);

/* Whether the rate places blocks. Once false, it stays false. */
void ht_place_aligned(bool aligned);

/* In a forked child: releases a lock that another thread of the parent held. */
void ht_place_forked(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Tagged placement. At intervals of 128 KiB and up, sampled blocks up to 32 KiB are page-aligned,
 * so free() rejects almost every other pointer with one test. A larger sampled block usually
 * cannot be aligned; while one is live, free() looks every pointer up.
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

/* They are, or were before the rate was made smaller: some of them may be live. Relaxed. */
extern HT_HIDDEN _Atomic uint32_t ht_aligned_once;

/* Above this size a block is not placed: it is not worth a page's alignment, a copy or a clearing,
 * and memalign would tear the heap for it (tests/hazards/h53). */
#define HT_PLACE_MAX 1040u

/* A block that was placed may be resized where it lies, into more of its class than it was placed
 * for; what was asked for is below this. */
#define HT_PLACED_ASKED 32768u

/* Larger than what glibc's per-thread caches keep: a placed block that is freed goes back into the
 * heap instead of holding a page in its thread's cache (12 KiB a thread were seen;
 * bench/memory.py). */
#define HT_PLACED_MIN 1040u

/* glibc puts a mmapped chunk's data 16 bytes into a page: bit 4 is left out of the test. */
#define HT_TAG_MASK 0xfefu

static inline bool ht_is_tagged(const void *p)
{
    return ((uintptr_t)p & HT_TAG_MASK) == 0;
}

/* A block at a tagged address, of that size and alignment, or NULL. *recyclable is set when it may
 * be given to ht_place_recycle once it is freed. */
void *ht_place(size_t size, size_t align, bool *recyclable);

/*
 * In the place of freeing a block that ht_place said is recyclable: true when it is kept for the
 * next ht_place. A few are, those of the lowest addresses, so that none lies in the way of a heap
 * that shrinks. Any thread; not in a signal handler's way, for each slot is one exchange.
 */
bool ht_place_recycle(void *p);

/* Gives the blocks that are kept back to the allocator: before it gives up a heap, in which some of
 * them may lie. */
void ht_place_release(void);

/* A free of p that no live sample accounts for: when p is one that is kept, the program frees it a
 * second time. It is freed in earnest, so that the caller's free is the allocator's to judge. */
void ht_place_freed_twice(void *p);

/* A sampled block is at p, or no longer: counted where p is not tagged. */
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

/* At a sample: after some of them without an untagged one, free tells by the address again. */
void ht_place_try_reopen_mask(void);

/* The rate is such that blocks are placed, or not; once not, never again. */
void ht_place_aligned(bool aligned);

/* In a forked child: gives up a lock that another thread of the parent held. */
void ht_place_forked(void);

#endif

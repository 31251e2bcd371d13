/* SPDX-License-Identifier: MIT */
/*
 * The count of sampled blocks at untagged addresses decides whether free may test the address:
 * while it is above 0 the mask is 0 and every free is looked up. Placed blocks that are freed are
 * kept in a few slots for the next sample, because page-aligned allocations are expensive.
 */
#include "config.h"

#include "target/allocator/place.h"

#include "region/yield_point.h"
#include "target/allocator/backend.h"
#include "target/os/machine.h"
#include "target/state/lock.h"
#include "target/tables/live.h"

/* Alone on its cache line, which every free reads. */
_Alignas(64) uint32_t ht_free_mask;
static _Alignas(64) char after_mask[1] __attribute__((used));
_Atomic uint32_t ht_aligned, ht_aligned_once;

/*
 * While some sampled block lies at an untagged address the mask is 0. Their number rises from 0
 * under untagged_lock, with the mask closed before; so whoever finds it above 0 finds the mask
 * closed, and whoever holds the lock and finds 0 may open it.
 */
static _Atomic uint32_t untagged_lock;
static _Atomic uint64_t untagged_live;
static uint32_t quiet_samples; /* samples since it was above 0; guarded by untagged_lock */

/* Opening the mask at each chance would make its cache line move between processors. */
#ifdef HT_YIELD_POINTS
#define QUIET_SAMPLES 1u /* the stress test reaches the opening more often */
#else
#define QUIET_SAMPLES 64u
#endif

#define MASK_CLOSED_FOREVER (1ull << 62)

static void close_mask(void)
{
    if (__atomic_load_n(&ht_free_mask, __ATOMIC_RELAXED))
        __atomic_store_n(&ht_free_mask, 0, __ATOMIC_RELAXED);
}

void ht_place_untagged_added(void)
{
    uint64_t n = atomic_load_explicit(&untagged_live, memory_order_acquire);
    while (n)
        if (atomic_compare_exchange_weak_explicit(&untagged_live, &n, n + 1, memory_order_acq_rel,
                                                  memory_order_acquire))
            return;
    bool locked = ht_lock(&untagged_lock, HT_RANK_UNTAGGED);
    close_mask();
    HT_YIELD_POINT(PLACE);
    quiet_samples = 0;
    /* Without the lock another thread may be opening the mask right now: it stays closed for
     * good. */
    atomic_fetch_add(&untagged_live, locked ? 1 : MASK_CLOSED_FOREVER);
    if (locked)
        ht_unlock(&untagged_lock, HT_RANK_UNTAGGED);
    else
        close_mask();
}

void ht_place_untagged_removed(void)
{
    atomic_fetch_sub_explicit(&untagged_live, 1, memory_order_acq_rel);
}

void ht_place_try_reopen_mask(void)
{
    if (HT_LIKELY(__atomic_load_n(&ht_free_mask, __ATOMIC_RELAXED)) ||
        atomic_load_explicit(&untagged_live, memory_order_relaxed))
        return;
    HT_YIELD_POINT(PLACE);
    if (!ht_try_lock(&untagged_lock, HT_RANK_UNTAGGED))
        return;
    if (!atomic_load(&untagged_live) && atomic_load(&ht_aligned) &&
        ++quiet_samples >= QUIET_SAMPLES) {
        HT_YIELD_POINT(PLACE);
        __atomic_store_n(&ht_free_mask, HT_TAG_MASK, __ATOMIC_SEQ_CST);
        HT_YIELD_POINT(PLACE);
        if (atomic_load(&untagged_live)) /* raised by a thread that did not get the lock */
            close_mask();
    }
    ht_unlock(&untagged_lock, HT_RANK_UNTAGGED);
}

void ht_place_aligned(bool aligned)
{
    /* Samples that were not placed may live forever, so "never" is final. The lock orders two
     * threads that set different rates. */
    static bool never; /* guarded by untagged_lock */
    bool locked = ht_lock(&untagged_lock, HT_RANK_UNTAGGED);
    never |= !aligned || !locked;
    if (never)
        close_mask(); /* before any sample is left unplaced without being counted */
    atomic_store(&ht_aligned, !never);
    if (!never)
        atomic_store_explicit(&ht_aligned_once, 1, memory_order_relaxed);
    if (!never && !atomic_load(&untagged_live))
        __atomic_store_n(&ht_free_mask, HT_TAG_MASK, __ATOMIC_SEQ_CST);
    if (locked) {
        ht_unlock(&untagged_lock, HT_RANK_UNTAGGED);
    } else {
        atomic_fetch_add(&untagged_live, MASK_CLOSED_FOREVER);
        close_mask();
    }
}

void ht_place_forked(void)
{
    atomic_store(&untagged_lock, 0);
}

#define RECYCLED 8u
static _Alignas(64) _Atomic(void *) recycled_blocks[RECYCLED]; /* acq_rel; NULL: free */

static void *take_recycled(void)
{
    for (uint32_t i = 0; i < RECYCLED; i++) {
        if (!atomic_load_explicit(&recycled_blocks[i], memory_order_relaxed))
            continue;
        void *p = atomic_exchange_explicit(&recycled_blocks[i], NULL, memory_order_acq_rel);
        HT_YIELD_POINT(PLACE);
        if (p) {
            ht_live_filter_add(p, -1);
            return p;
        }
    }
    return NULL;
}

void *ht_place(size_t size, size_t align, bool *recyclable)
{
    *recyclable = false;
    /* An invalid alignment is left to the allocator, which refuses or rounds it. */
    if (size > HT_PLACE_MAX || (align & (align - 1)))
        return NULL;
    void *p;
    if (size <= HT_PLACED_MIN && align <= HT_PAGE_SIZE) {
        /* The other allocators have heaps that a program may destroy, with a kept block in them. */
        *recyclable = ht_next_is_glibc();
        if ((p = take_recycled()))
            return p;
        size = HT_PLACED_MIN;
    }
    p = ht_next_aligned(align > HT_PAGE_SIZE ? align : HT_PAGE_SIZE, size);
    *recyclable &= p && ht_is_tagged(p);
    return p;
}

static bool offer(uint32_t i, void *was, void *p)
{
    return atomic_compare_exchange_strong_explicit(&recycled_blocks[i], &was, p,
                                                   memory_order_acq_rel, memory_order_relaxed);
}

bool ht_place_recycle(void *p)
{
    uint32_t highest = 0;
    void *most = NULL;
    ht_live_filter_add(p, 1); /* first, so that a second free of p is looked up */
    for (uint32_t i = 0; i < RECYCLED; i++) {
        void *q = atomic_load_explicit(&recycled_blocks[i], memory_order_relaxed);
        if (!q && offer(i, NULL, p))
            return true;
        if ((uintptr_t)q > (uintptr_t)most) {
            most = q;
            highest = i;
        }
    }
    HT_YIELD_POINT(PLACE);
    if ((uintptr_t)p < (uintptr_t)most && offer(highest, most, p)) {
        ht_live_filter_add(most, -1);
        ht_next_free(most);
        return true;
    }
    ht_live_filter_add(p, -1);
    return false;
}

void ht_place_release(void)
{
    void *p;
    while ((p = take_recycled()))
        ht_next_free(p);
}

void ht_place_freed_twice(void *p)
{
    if (!p) /* an empty slot is NULL as well, and must not match free(NULL) */
        return;
    for (uint32_t i = 0; i < RECYCLED; i++)
        if (atomic_load_explicit(&recycled_blocks[i], memory_order_relaxed) == p &&
            offer(i, p, NULL)) {
            ht_live_filter_add(p, -1);
            ht_next_free(p);
            return;
        }
}

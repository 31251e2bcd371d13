/* SPDX-License-Identifier: MIT */
/* A counting filter in front of the live table: whether an address can be a sampled object's. Any
 * thread; signal-safe; lock-free. */
#ifndef HEAPTAP_SRC_TARGET_TABLES_FILTER_H
#define HEAPTAP_SRC_TARGET_TABLES_FILTER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "region/yield_point.h"
#include "target/os/hidden.h"

/*
 * How many live objects have each index. A counter that reaches 255 stays there; those of the
 * arena's blocks are set to 255. Relaxed: a counter is written before malloc returns the object's
 * address, so whoever frees the address sees it. fast.S has the size and the index too.
 */
#define HT_FILTER_BITS 16
extern HT_HIDDEN _Atomic uint8_t ht_live_filter[1u << HT_FILTER_BITS];

/* The index of an address. An index stands for 64 bytes of addresses, and the indices of a page
 * share a cache line of the filter: frees of neighbouring blocks find the line in the cache, which
 * matters where blocks are freed in random order. The upper bits spread blocks that begin with a
 * page, as large ones do. */
static inline uint32_t ht_live_filter_slot(const void *p)
{
    const uint64_t a = (uint64_t)p;
    return (a ^ a >> 16) >> 6 & ((1u << HT_FILTER_BITS) - 1);
}

/* False: certainly not a sampled object (one load, no lock). True: look it up. */
static inline bool ht_live_maybe(const void *p)
{
    return atomic_load_explicit(&ht_live_filter[ht_live_filter_slot(p)], memory_order_relaxed);
}

/* Not 0: all counters are at 255 for good. Relaxed, but for the release that sets it. */
extern HT_HIDDEN _Atomic uint32_t ht_live_unfiltered;

/* Adds 1 or -1 to the counter of p's index. For a caller that has seen ht_live_unfiltered at 0. */
static inline void ht_live_filter_count(const void *p, int delta)
{
    _Atomic uint8_t *f = &ht_live_filter[ht_live_filter_slot(p)];
    uint8_t v = atomic_load_explicit(f, memory_order_relaxed);
    HT_YIELD_POINT(FILTER);
    while (v != 255 && !(v == 0 && delta < 0) &&
           !atomic_compare_exchange_weak_explicit(f, &v, (uint8_t)(v + delta), memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
}

/* The same, for any caller. */
static inline void ht_live_filter_add(const void *p, int delta)
{
    if (!atomic_load_explicit(&ht_live_unfiltered, memory_order_relaxed))
        ht_live_filter_count(p, delta);
}

/* Makes the filter answer true for p, and for all addresses with its index, from now on. */
static inline void ht_live_always(const void *p)
{
    atomic_store_explicit(&ht_live_filter[ht_live_filter_slot(p)], 255, memory_order_relaxed);
}

/* For small rates, at which most frees are of sampled blocks: ht_live_maybe answers true from now
 * on. This is final, because later insertions are not counted in the filter. */
void ht_live_skip_filter(void);

#endif

/* SPDX-License-Identifier: MIT */
/* What a free asks before the live table: whether its address can be a sampled object's. */
#ifndef HEAPTAP_SRC_TARGET_TABLES_FILTER_H
#define HEAPTAP_SRC_TARGET_TABLES_FILTER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "region/yield_point.h"
#include "target/os/hidden.h"

/* How many live objects have an index; sticks at 255, as the arena's blocks have it. Relaxed;
 * written before the object's address leaves malloc, so a free that was handed the pointer by any
 * means sees it. fast.S knows its size and its index. */
#define HT_FILTER_BITS 16
extern HT_HIDDEN _Atomic uint8_t ht_live_filter[1u << HT_FILTER_BITS];

/* An index stands for 64 bytes of addresses, and those of a page share a cache line here. So a free
 * of a neighbour finds the line loaded: a line for each free costs where the order is random. The
 * upper bits spread the blocks that begin with a page, as large ones do. */
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

extern HT_HIDDEN _Atomic uint32_t ht_live_unfiltered; /* relaxed: every entry sticks at 255 */

/* One object more, or less, of p's value; the caller has seen that the filter is in use. */
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

/* The same at any time. */
static inline void ht_live_filter_add(const void *p, int delta)
{
    if (!atomic_load_explicit(&ht_live_unfiltered, memory_order_relaxed))
        ht_live_filter_count(p, delta);
}

/* Makes the filter answer "maybe" to everything from now on. */
static inline void ht_live_always(const void *p)
{
    atomic_store_explicit(&ht_live_filter[ht_live_filter_slot(p)], 255, memory_order_relaxed);
}

/* For small rates, at which most frees are of sampled blocks: ht_live_maybe answers true from now
 * on. This is final, because later insertions are not counted in the filter. */
void ht_live_skip_filter(void);

#endif

/* SPDX-License-Identifier: MIT */
/* Weights by size and rate in a table of seqlocks. Any thread, and signal handlers: lock-free. */
#ifndef HEAPTAP_SRC_TARGET_SAMPLER_WEIGHT_CACHE_H
#define HEAPTAP_SRC_TARGET_SAMPLER_WEIGHT_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "region/weight.h"
#include "region/yield_point.h"
#include "target/state/state.h"
#include "util/hash.h"

/* Weights of one object. */
struct ht_object_weights {
    struct ht_split objects, bytes;
};

static inline struct ht_weight_cache_entry *ht_weight_cache_slot(uint64_t size)
{
    return &ht_state->weight_cache[size * HT_GOLDEN_RATIO >> (64 - HT_WEIGHT_CACHE_BITS)];
}

/* What ht_weights says, if it is there. */
static inline __attribute__((always_inline)) bool ht_weight_cache_find(uint64_t size, uint64_t rate,
                                                                       struct ht_object_weights *w)
{
    const struct ht_weight_cache_entry *e = ht_weight_cache_slot(size);
    uint32_t n = atomic_load_explicit(&e->sequence, memory_order_acquire);
    if (HT_UNLIKELY(HT_LOAD_RELAXED(e->size) != size || HT_LOAD_RELAXED(e->rate) != rate ||
                    (n & 1)))
        return false;
    HT_YIELD_POINT(WEIGHTS);
    w->objects.whole = HT_LOAD_RELAXED(e->weight[0]);
    w->objects.fraction = HT_LOAD_RELAXED(e->weight[1]);
    w->bytes.whole = HT_LOAD_RELAXED(e->weight[2]);
    w->bytes.fraction = HT_LOAD_RELAXED(e->weight[3]);
    atomic_thread_fence(memory_order_acquire);
    return HT_LIKELY(atomic_load_explicit(&e->sequence, memory_order_relaxed) == n);
}

/* ht_weights with a cache, for sites that are a class of sizes and so have no weight of their
 * own. Any thread; signal-safe; takes no lock. */
struct ht_object_weights ht_weight_cache_get(uint64_t size, uint64_t rate);

#endif

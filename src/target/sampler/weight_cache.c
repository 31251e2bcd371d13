/* SPDX-License-Identifier: MIT */
/*
 * Weights by size and rate in a table of seqlocks: who finds an entry being written, or
 * another's, computes them himself, and writes them if nobody else does.
 */
#include "config.h"

#include "target/sampler/weight_cache.h"

#include "region/yield_point.h"
#include "target/state/state.h"

void ht_weight_cache_get(uint64_t size, uint64_t rate, struct ht_split *objects,
                         struct ht_split *bytes)
{
    struct ht_weight_cache_entry *w =
        &ht_state->weight_cache[size * 0x9e3779b97f4a7c15ULL >> (64 - HT_WEIGHT_CACHE_BITS)];
    uint32_t n = atomic_load_explicit(&w->sequence, memory_order_acquire);
    if (HT_LOAD_RELAXED(w->size) == size && HT_LOAD_RELAXED(w->rate) == rate && !(n & 1)) {
        HT_YIELD_POINT(WEIGHTS);
        *objects = (struct ht_split){HT_LOAD_RELAXED(w->weight[0]), HT_LOAD_RELAXED(w->weight[1])};
        *bytes = (struct ht_split){HT_LOAD_RELAXED(w->weight[2]), HT_LOAD_RELAXED(w->weight[3])};
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&w->sequence, memory_order_relaxed) == n)
            return;
    }
    ht_weights(size, rate, objects, bytes);
    if ((n & 1) || !atomic_compare_exchange_strong_explicit(
                       &w->sequence, &n, n + 1, memory_order_acq_rel, memory_order_relaxed))
        return;
    atomic_thread_fence(memory_order_release);
    HT_STORE_RELAXED(w->size, size);
    HT_STORE_RELAXED(w->rate, rate);
    HT_YIELD_POINT(WEIGHTS);
    HT_STORE_RELAXED(w->weight[0], objects->whole);
    HT_STORE_RELAXED(w->weight[1], objects->fraction);
    HT_STORE_RELAXED(w->weight[2], bytes->whole);
    HT_STORE_RELAXED(w->weight[3], bytes->fraction);
    atomic_store_explicit(&w->sequence, n + 2, memory_order_release);
}

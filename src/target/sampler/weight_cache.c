/* SPDX-License-Identifier: MIT */
/* The slow side of the cache: who finds an entry being written, or another's, computes the weights
 * himself, and writes them if nobody else does. */
#include "config.h"

#include "target/sampler/weight_cache.h"

struct ht_object_weights ht_weight_cache_get(uint64_t size, uint64_t rate)
{
    struct ht_object_weights w;
    if (ht_weight_cache_find(size, rate, &w))
        return w;
    struct ht_weight_cache_entry *e = ht_weight_cache_slot(size);
    ht_weights(size, rate, &w.objects, &w.bytes);
    uint32_t n = atomic_load_explicit(&e->sequence, memory_order_relaxed);
    if ((n & 1) || !atomic_compare_exchange_strong_explicit(
                       &e->sequence, &n, n + 1, memory_order_acq_rel, memory_order_relaxed))
        return w;
    atomic_thread_fence(memory_order_release);
    HT_STORE_RELAXED(e->size, size);
    HT_STORE_RELAXED(e->rate, rate);
    HT_YIELD_POINT(WEIGHTS);
    HT_STORE_RELAXED(e->weight[0], w.objects.whole);
    HT_STORE_RELAXED(e->weight[1], w.objects.fraction);
    HT_STORE_RELAXED(e->weight[2], w.bytes.whole);
    HT_STORE_RELAXED(e->weight[3], w.bytes.fraction);
    atomic_store_explicit(&e->sequence, n + 2, memory_order_release);
    return w;
}

/* SPDX-License-Identifier: MIT */
/*
 * The slow paths of counters.h. A thread that has no cell yet claims one by CAS, near the place of
 * its number. A thread that finds none free adds to shared counters with locked instructions.
 */
#include "config.h"

#include "target/tables/counters.h"

#include "region/yield_point.h"
#include "target/state/thread_slot.h"
#include "target/tables/writer.h"

/* The cells of a site that several threads count in. NULL: they do so too rarely, or memory is out.
 */
static struct ht_counter_shard *cells_of(struct ht_site *s)
{
    ht_ref ref = atomic_load_explicit(&s->shards, memory_order_acquire);
    if (HT_LIKELY(ref))
        return ht_at(ref);
    /* Until then all threads but the site's first write to one cache line. After 256 such counts
     * the site gets cells of 2 KiB. */
    uint32_t times = atomic_load_explicit(&s->contention, memory_order_relaxed) + 1;
    HT_YIELD_POINT(SHARDS);
    atomic_store_explicit(&s->contention, times, memory_order_relaxed);
    if (times < 256)
        return NULL;
    ht_ref fresh = ht_data_new(HT_COUNTER_SHARDS * sizeof(struct ht_counter_shard) + 56);
    if (!fresh)
        return NULL;
    fresh = (fresh + 7) & ~7u; /* 64 bytes: the mapping is page-aligned */
    HT_YIELD_POINT(SHARDS);
    if (!atomic_compare_exchange_strong_explicit(&s->shards, &ref, fresh, memory_order_acq_rel,
                                                 memory_order_acquire))
        fresh = ref;
    return ht_at(fresh);
}

/* The thread's own cell, claimed if it has none. NULL: the four at its place are other threads'. */
static struct ht_counter_shard *cell_of(struct ht_counter_shard *cells, uint32_t thread_slot)
{
    for (uint32_t i = 0; i < 4; i++) {
        struct ht_counter_shard *c = &cells[(thread_slot + i) % HT_COUNTER_SHARDS];
        uint32_t owner = atomic_load_explicit(&c->owner_slot, memory_order_relaxed);
        HT_YIELD_POINT(SHARDS);
        if (owner == thread_slot ||
            (!owner &&
             (atomic_compare_exchange_strong_explicit(&c->owner_slot, &owner, thread_slot,
                                                      memory_order_relaxed, memory_order_relaxed) ||
              owner == thread_slot))) /* a signal handler on this thread claimed it */
            return c;
    }
    return NULL;
}

void ht_site_count_elsewhere(struct ht_site *s, uint64_t size, enum ht_event event)
{
    uint32_t thread_slot = ht_thread_slot();
    struct ht_counter_shard *cells = cells_of(s),
                            *mine = cells ? cell_of(cells, thread_slot) : NULL;
    if (mine) {
        ht_count_in_shard(mine, size, event);
        return;
    }
    struct ht_counts *c = cells ? &cells[thread_slot % HT_COUNTER_SHARDS].shared : &s->shared;
    ht_count(event == HT_ALLOCATED ? &c->alloc_bytes : &c->freed_bytes, size);
    ht_count(event == HT_ALLOCATED ? &c->alloc_objects : &c->freed_objects, 1);
}

/* The thread's own totals, claimed if it has none. NULL: they are another thread's. */
static struct ht_total *own_total(struct ht_total_cell *cells, uint32_t thread_slot)
{
    struct ht_total_cell *c = &cells[thread_slot % HT_TOTAL_CELLS];
    uint32_t owner = atomic_load_explicit(&c->owner_slot, memory_order_relaxed);
    HT_YIELD_POINT(SHARDS);
    if (!owner && !atomic_compare_exchange_strong_explicit(
                      &c->owner_slot, &owner, thread_slot, memory_order_relaxed,
                      memory_order_relaxed)) /* perhaps by a signal handler on this thread */
        return owner == thread_slot ? &c->own : NULL;
    return !owner || owner == thread_slot ? &c->own : NULL;
}

void ht_total_weighted(const struct ht_split *objects, const struct ht_split *bytes,
                       enum ht_event event)
{
    uint32_t slot = ht_thread_slot();
    struct ht_total_cell *cells = ht_total_cells();
    struct ht_total *own = own_total(cells, slot);
    if (own)
        ht_total_add(own, objects, bytes, event, ht_add_alone);
    else
        ht_total_add(&cells[slot % HT_TOTAL_CELLS].shared, objects, bytes, event, ht_count);
}

void ht_total_count_elsewhere(uint64_t size, enum ht_event event)
{
    uint32_t slot = ht_thread_slot();
    struct ht_total_cell *cells = ht_total_cells();
    const struct ht_split one = {1, 0}, bytes = {size, 0};
    if (own_total(cells, slot)) {
        ht_total_weighted(&one, &bytes, event);
        return;
    }
    /* A thread that finds all cells owned counts here for its whole life: three locked additions.
     */
    struct ht_total *t = &cells[slot % HT_TOTAL_CELLS].shared;
    _Atomic uint64_t *objects = &t->counts.alloc_objects + (event == HT_ALLOCATED ? 0 : 2);
    ht_count(&objects[1], size);
    ht_count(objects, 1);
    ht_count(&t->alloc_samples + (event == HT_ALLOCATED ? 0 : 1), 1);
}

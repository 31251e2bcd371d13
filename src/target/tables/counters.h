/* SPDX-License-Identifier: MIT */
/*
 * What is counted of objects: at their site and in the region's totals. Any thread, and signal
 * handlers; no locks.
 */
#ifndef HEAPTAP_SRC_TARGET_TABLES_COUNTERS_H
#define HEAPTAP_SRC_TARGET_TABLES_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "region/weight.h"
#include "target/state/state.h"
#include "target/tables/writer.h"

/* What is counted of an object. */
enum ht_event { HT_FREED, HT_ALLOCATED };

/* Counts an object where this thread alone writes, and signal handlers on it, whose frees count
 * inside a hook too (seen in h20): so each is one instruction. Bytes first: an object that a reader
 * sees has its bytes. */
static inline void ht_count_alone(_Atomic uint64_t *bytes, _Atomic uint64_t *objects, uint64_t size)
{
    __asm__ volatile("add %2, %0\n\taddq $1, %1" : "+m"(*bytes), "+m"(*objects) : "r"(size) : "cc");
}

static inline void ht_count_in_shard(struct ht_counter_shard *c, uint64_t size, enum ht_event event)
{
    if (event == HT_ALLOCATED)
        ht_count_alone(&c->own.alloc_bytes, &c->own.alloc_objects, size);
    else
        ht_count_alone(&c->own.freed_bytes, &c->own.freed_objects, size);
}

/* Adds where this thread alone writes, as above. */
static inline void ht_add_alone(_Atomic uint64_t *to, uint64_t n)
{
    __asm__ volatile("addq %1, %0" : "+m"(*to) : "er"(n) : "cc");
}

/* Where the thread has no place of its own yet, or gets none. */
void ht_site_count_elsewhere(struct ht_site *s, uint64_t size, enum ht_event event);

/* Exact mode: counts an object of a size allocated or freed, by the thread of that thread_slot (0:
 * not known yet). */
static inline void ht_site_count(struct ht_site *s, uint32_t thread_slot, uint64_t size,
                                 enum ht_event event)
{
    /* Once others came, the owner counts in a cell as they do. */
    ht_ref ref = atomic_load_explicit(&s->shards, memory_order_acquire);
    if (HT_LIKELY(s->owner_slot == thread_slot && !ref)) {
        _Atomic uint64_t *objects = &s->own.alloc_objects + (event == HT_ALLOCATED ? 0 : 2);
        ht_count_alone(&objects[1], objects, size);
        return;
    }
    struct ht_counter_shard *c =
        (struct ht_counter_shard *)ht_at(ref) + thread_slot % HT_COUNTER_SHARDS;
    if (HT_LIKELY(ref && thread_slot &&
                  atomic_load_explicit(&c->owner_slot, memory_order_relaxed) == thread_slot))
        ht_count_in_shard(c, size, event);
    else
        ht_site_count_elsewhere(s, size, event);
}

static inline struct ht_total_cell *ht_total_cells(void)
{
    return (struct ht_total_cell *)(ht_state->base + HT_TOTALS_OFFSET);
}

/* A sample's weights to totals, by add. Bytes first, samples last. */
static inline __attribute__((always_inline)) void
ht_total_add(struct ht_total *t, const struct ht_split *objects, const struct ht_split *bytes,
             enum ht_event event, void (*add)(_Atomic uint64_t *, uint64_t))
{
    _Atomic uint64_t *whole = &t->counts.alloc_objects + (event == HT_ALLOCATED ? 0 : 2);
    _Atomic uint64_t *fraction = &t->fractions[event == HT_ALLOCATED ? 0 : 2];
    add(&fraction[1], bytes->fraction);
    add(&fraction[0], objects->fraction);
    add(&whole[1], bytes->whole);
    add(&whole[0], objects->whole);
    add(&t->alloc_samples + (event == HT_ALLOCATED ? 0 : 1), 1);
}

/* The thread's cell, if it is its own already, else NULL. */
static inline struct ht_total_cell *ht_own_total_cell(uint32_t thread_slot)
{
    struct ht_total_cell *cell = &ht_total_cells()[thread_slot % HT_TOTAL_CELLS];
    uint32_t owner = atomic_load_explicit(&cell->owner_slot, memory_order_relaxed);
    return HT_LIKELY(thread_slot && owner == thread_slot) ? cell : NULL;
}

/* Adds a sample that was allocated, or freed, to the totals. */
void ht_total_weighted(const struct ht_split *objects, const struct ht_split *bytes,
                       enum ht_event event);

/* Exact mode: of one object, where the thread has no cell of its own yet, or gets none. */
void ht_total_count_elsewhere(uint64_t size, enum ht_event event);

/* Exact mode: the same of one object, by the thread of that thread_slot (0: not known yet). */
static inline void ht_total_count(uint32_t thread_slot, uint64_t size, enum ht_event event)
{
    struct ht_total_cell *cell = ht_own_total_cell(thread_slot);
    if (HT_UNLIKELY(!cell)) {
        ht_total_count_elsewhere(size, event);
        return;
    }
    _Atomic uint64_t *objects = &cell->own.counts.alloc_objects + (event == HT_ALLOCATED ? 0 : 2);
    ht_count_alone(&objects[1], objects, size);
    ht_add_alone(&cell->own.alloc_samples + (event == HT_ALLOCATED ? 0 : 1), 1);
}

#endif

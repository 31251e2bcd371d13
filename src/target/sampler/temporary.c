/* SPDX-License-Identifier: MIT */
/* Which block a thread allocated last, and the sums of those freed at once. */
#include "config.h"

#include "target/sampler/temporary.h"

#include "target/state/thread_slot.h"
#include "target/tables/nodes.h"
#include "target/tables/writer.h"

/* The node's record in the region; NULL: it has none. */
static struct ht_live *record_of(struct ht_live_node *n)
{
    ht_ref ref = atomic_load_explicit(&n->region_record, memory_order_relaxed);
    return ref ? ht_at(ref) : NULL;
}

void ht_temporary_allocated(uint32_t node)
{
    struct ht_tls *t = &ht_tls;
    struct ht_live *record = record_of(ht_live_node_at(node - 1));
    t->last_block = 0;
    /* At another rate the thread's next allocation would not be seen. */
    if (!ht_config.temporary || !record || t->rate != 1)
        return;
    __atomic_store_n(&record->thread_slot, ht_thread_slot(), __ATOMIC_RELAXED);
    t->last_block = node;
}

bool ht_temporary_is_last(const void *p)
{
    uint32_t node = ht_tls.last_block;
    /* A child that forked has nodes from its parent, whose blocks are none of its own. */
    if (!node || !ht_active())
        return false;
    struct ht_live_node *n = ht_live_node_at(node - 1);
    struct ht_live *record = record_of(n);
    return record &&
           atomic_load_explicit(&n->addr, memory_order_relaxed) == (uint64_t)(uintptr_t)p &&
           __atomic_load_n(&record->thread_slot, __ATOMIC_RELAXED) == ht_thread_slot();
}

void ht_temporary_count(uint64_t size)
{
    struct ht_region_header *h = ht_state->header;
    ht_count(&h->temporary_bytes, size);
    ht_count(&h->temporary_objects, 1);
}

void ht_temporary_free_last(const void *p)
{
    if (!p)
        return;
    /* Nobody else frees p: its node stays as it is. */
    if (ht_temporary_is_last(p))
        ht_temporary_count(ht_live_node_at(ht_tls.last_block - 1)->size);
    ht_tls.last_block = 0;
}

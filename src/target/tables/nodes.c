/* SPDX-License-Identifier: MIT */
/*
 * Nodes are made in batches and kept in lock-free lists, whose heads have a tag against ABA. The
 * region records of a batch are adjacent, as its nodes are.
 */
#include "config.h"

#include "target/tables/nodes.h"

#include "region/yield_point.h"
#include "target/os/sys.h"
#include "target/state/state.h"
#include "target/tables/writer.h"

_Atomic(struct ht_live_node *) ht_node_chunks[HT_NODE_CHUNKS];
struct ht_node_list ht_node_lists[HT_NODE_LISTS];
/* The number of nodes made so far. Relaxed; on a cache line apart from what all threads read. */
static _Alignas(64) _Atomic uint32_t made;
static _Alignas(64) char after_made[1] __attribute__((used));

uint32_t ht_nodes_made(void)
{
    return atomic_load_explicit(&made, memory_order_relaxed);
}

/* Whether the chunk has memory; maps it if it has none. */
static bool ready(uint32_t c)
{
    if (c >= HT_NODE_CHUNKS)
        return false;
    if (atomic_load_explicit(&ht_node_chunks[c], memory_order_acquire))
        return true;
    if (ht_sandboxed)
        return false; /* what ht_live_prepare reserved is used up */
    struct ht_live_node *fresh = ht_sys_anonymous(HT_NODES * sizeof *fresh), *none = NULL;
    if (!fresh)
        return false;
    HT_YIELD_POINT(NODES);
    if (!atomic_compare_exchange_strong_explicit(&ht_node_chunks[c], &none, fresh,
                                                 memory_order_acq_rel, memory_order_acquire))
        SYS2(SYS_munmap, fresh, HT_NODES * sizeof *fresh);
    return true;
}

uint32_t ht_nodes_make(uint32_t list)
{
    uint32_t first = atomic_fetch_add_explicit(&made, HT_NODE_BATCH, memory_order_relaxed);
    HT_YIELD_POINT(NODES);
    if (!ready(first >> HT_NODE_BITS)) {
        /* The batch is taken back unless another thread has made one since. Then it is lost, which
         * does not matter: memory is out. */
        uint32_t expected = first + HT_NODE_BATCH;
        atomic_compare_exchange_strong_explicit(&made, &expected, first, memory_order_relaxed,
                                                memory_order_relaxed);
        return 0;
    }
    for (uint32_t i = 1; i < HT_NODE_BATCH; i++)
        ht_nodes_push(list, first + i + 1);
    return first + 1;
}

void ht_nodes_prepare(void)
{
    uint32_t next = ht_nodes_made() >> HT_NODE_BITS;
    for (uint32_t i = 0; i < 4; i++)
        ready(next + i);
}

/*
 * Records are allocated for a batch of nodes at once, in the order of the nodes: the records of one
 * thread's nodes then lie next to each other, and not next to another thread's. Other nodes of the
 * batch may belong to other shards, whose locks are not held.
 */
ht_ref ht_nodes_region_record(struct ht_live_node *n)
{
    struct ht_live_node *batch =
        (struct ht_live_node *)((uintptr_t)n &
                                ~(uintptr_t)(sizeof(struct ht_live_node) * HT_NODE_BATCH - 1));
    ht_ref ref = ht_page_new(HT_KIND_LIVE);
    HT_YIELD_POINT(REGION_RECORD);
    for (uint32_t i = 0; ref && i < HT_NODE_BATCH; i++) {
        ht_ref none = 0;
        atomic_compare_exchange_strong_explicit(&batch[i].region_record, &none,
                                                ref + i * (uint32_t)sizeof(struct ht_live) / 8,
                                                memory_order_relaxed, memory_order_relaxed);
    }
    return atomic_load_explicit(&n->region_record, memory_order_relaxed);
}

uint32_t ht_nodes_adopt(void)
{
    for (uint32_t i = 0; i < HT_NODE_LISTS; i++)
        atomic_store(&ht_node_lists[i].head, 0);
    uint32_t n = atomic_load(&made);
    for (uint32_t c = 0; c << HT_NODE_BITS < n; c++)
        if (!atomic_load(&ht_node_chunks[c]))
            atomic_store(&made, n = c << HT_NODE_BITS);
    return n;
}

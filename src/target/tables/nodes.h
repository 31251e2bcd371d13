/* SPDX-License-Identifier: MIT */
/*
 * The live table's nodes: where they come from and where they wait. They are numbered from 0, made
 * in batches, and their memory is never unmapped. Any thread, and signal handlers: lock-free. A
 * node in hand, in a list or in a link is its number + 1; 0 is none.
 */
#ifndef HEAPTAP_SRC_TARGET_TABLES_NODES_H
#define HEAPTAP_SRC_TARGET_TABLES_NODES_H

#include "region/yield_point.h"
#include "target/os/hidden.h"
#include "target/state/state.h"
#include "target/tables/live.h"

#define HT_NODE_BITS   11u
#define HT_NODES       (1u << HT_NODE_BITS) /* a chunk of 64 KiB */
#define HT_NODE_CHUNKS 16384u               /* 33 million live samples */
#define HT_NODE_LISTS  16u
#define HT_NODE_BATCH  128u /* a page: processors fetch lines that lie near those that were used */

extern HT_HIDDEN _Atomic(struct ht_live_node *)
    ht_node_chunks[HT_NODE_CHUNKS]; /* release; never unmapped */
extern HT_HIDDEN struct ht_node_list {
    _Alignas(64) _Atomic uint64_t head; /* tag << 32 | node + 1; the tag defeats ABA */
} ht_node_lists[HT_NODE_LISTS];

static inline struct ht_live_node *ht_live_node_at(uint32_t i)
{
    return atomic_load_explicit(&ht_node_chunks[i >> HT_NODE_BITS], memory_order_acquire) +
           (i & (HT_NODES - 1));
}

/* A pop that loses its race may read the link of a node that is somebody's by now; the tag makes it
 * try again. So every store to a link is atomic, and so is that one load. */
static inline void ht_node_link(struct ht_live_node *n, uint32_t next)
{
    __atomic_store_n(&n->next, next, __ATOMIC_RELAXED);
}

/* From one of the lists; 0: it is empty. */
static inline uint32_t ht_nodes_pop(uint32_t from)
{
    _Atomic uint64_t *list = &ht_node_lists[from].head;
    uint64_t head = atomic_load_explicit(list, memory_order_acquire);
    while ((uint32_t)head) {
        uint32_t i = (uint32_t)head - 1;
        uint64_t next =
            ((head >> 32) + 1) << 32 | __atomic_load_n(&ht_live_node_at(i)->next, __ATOMIC_RELAXED);
        HT_YIELD_POINT(NODES);
        if (atomic_compare_exchange_weak_explicit(list, &head, next, memory_order_acquire,
                                                  memory_order_acquire))
            return i + 1;
    }
    return 0;
}

static inline void ht_nodes_push(uint32_t to, uint32_t node)
{
    _Atomic uint64_t *list = &ht_node_lists[to].head;
    struct ht_live_node *n = ht_live_node_at(node - 1);
    uint64_t head = atomic_load_explicit(list, memory_order_relaxed), next;
    do {
        ht_node_link(n, (uint32_t)head);
        next = ((head >> 32) + 1) << 32 | node;
        HT_YIELD_POINT(NODES);
    } while (!atomic_compare_exchange_weak_explicit(list, &head, next, memory_order_release,
                                                    memory_order_relaxed));
}

/* How many were handed out so far; relaxed. */
uint32_t ht_nodes_made(void);

/* One of a fresh batch; the others go to the list. 0 when memory is out. */
uint32_t ht_nodes_make(uint32_t list);

/* Before a sandbox: memory for some thousand. */
void ht_nodes_prepare(void);

/* Gives the node its record in the region, or 0. */
ht_ref ht_nodes_region_record(struct ht_live_node *n);

/* In a forked child, single-threaded: the lists are empty, and of the nodes there are those whose
 * memory was there at the fork; their number is returned. */
uint32_t ht_nodes_adopt(void);

#endif

/* SPDX-License-Identifier: MIT */
/* The graph of blocks that point to each other, for processes whose blocks are all known. One
 * thread at a time. */
#ifndef HEAPTAP_SRC_LEAKS_GRAPH_H
#define HEAPTAP_SRC_LEAKS_GRAPH_H

#include "leaks/leaks.h"

struct ht_leak_graph {
    struct ht_leak_edge {
        uint32_t from, to;
    } * edge;
    size_t n_edges, room;
    bool failed; /* out of memory */
};

/* Adds an edge: a block points into another. */
void ht_leak_graph_add(struct ht_leak_graph *g, uint32_t from, uint32_t to);

/* The edges, sorted by the block they come from: those of block i are to[first[i]] to
 * to[first[i + 1] - 1]. */
struct ht_leak_order {
    size_t *first;
    uint32_t *to, *queue; /* queue: room for n blocks */
};
/* Sorts the edges of n blocks, by counting. 0 or -ENOMEM; ht_leak_order_free in either case. */
int ht_leak_graph_sort(const struct ht_leak_graph *g, size_t n, struct ht_leak_order *o);
void ht_leak_order_free(struct ht_leak_order *o);

/* Marks in `reached` all blocks that the marked ones lead to. 0 or -ENOMEM. */
int ht_leak_graph_reach(struct ht_leak_graph *g, bool *reached, size_t n);

/*
 * Grades the leaked blocks. A block is unreferenced if nothing points to it, or if it is the head
 * of a circle that nothing else leads to. All others are unreachable, and get the head that leads
 * to them. 0 or -ENOMEM.
 */
int ht_leak_graph_heads(struct ht_leak_graph *g, struct ht_leak_block *block, const bool *leaked,
                        size_t n);
void ht_leak_graph_free(struct ht_leak_graph *g);

#endif

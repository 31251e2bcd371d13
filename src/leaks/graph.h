/* SPDX-License-Identifier: MIT */
/* Which blocks point to which, where all blocks are known. */
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

/* A block points into another. */
void ht_leak_graph_add(struct ht_leak_graph *g, uint32_t from, uint32_t to);

/* Its edges by where they begin: those of block i are to[first[i]] up to to[first[i + 1]]. */
struct ht_leak_order {
    size_t *first;
    uint32_t *to, *queue; /* queue: room for n blocks */
};
/* By counting, for n blocks. 0 or -ENOMEM; free in any case. */
int ht_leak_graph_sort(const struct ht_leak_graph *g, size_t n, struct ht_leak_order *o);
void ht_leak_order_free(struct ht_leak_order *o);

/* Marks in `reached` all that the marked ones lead to. 0 or -ENOMEM. */
int ht_leak_graph_reach(struct ht_leak_graph *g, bool *reached, size_t n);

/*
 * Grades what was not reached: unreferenced where nothing points to it, or where it stands for a
 * circle that nothing else leads to; else unreachable, with the head that leads to it. 0 or
 * -ENOMEM.
 */
int ht_leak_graph_heads(struct ht_leak_graph *g, struct ht_leak_block *block, const bool *leaked,
                        size_t n);
void ht_leak_graph_free(struct ht_leak_graph *g);

#endif

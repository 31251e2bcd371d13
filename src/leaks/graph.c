/* SPDX-License-Identifier: MIT */
/* Edges are sorted by the block they come from. Reachable blocks are found breadth first. */
#include "config.h"

#include "leaks/graph.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void ht_leak_graph_add(struct ht_leak_graph *g, uint32_t from, uint32_t to)
{
    if (g->n_edges && g->edge[g->n_edges - 1].from == from && g->edge[g->n_edges - 1].to == to)
        return;
    if (g->n_edges == g->room) {
        size_t room = g->room ? 2 * g->room : 4096;
        struct ht_leak_edge *more = reallocarray(g->edge, room, sizeof *more);
        if (!more) {
            g->failed = true;
            return;
        }
        g->edge = more;
        g->room = room;
    }
    g->edge[g->n_edges++] = (struct ht_leak_edge){from, to};
}

void ht_leak_graph_free(struct ht_leak_graph *g)
{
    free(g->edge);
    *g = (struct ht_leak_graph){0};
}

int ht_leak_graph_sort(const struct ht_leak_graph *g, size_t n, struct ht_leak_order *o)
{
    if (g->failed)
        return -ENOMEM;
    o->first = calloc(n + 2, sizeof *o->first);
    o->to = malloc((g->n_edges + 1) * sizeof *o->to);
    o->queue = malloc((n + 1) * sizeof *o->queue);
    if (!o->first || !o->to || !o->queue)
        return -ENOMEM;
    for (size_t i = 0; i < g->n_edges; i++)
        o->first[g->edge[i].from + 2]++;
    for (size_t i = 2; i < n + 2; i++)
        o->first[i] += o->first[i - 1];
    for (size_t i = 0; i < g->n_edges; i++)
        o->to[o->first[g->edge[i].from + 1]++] = g->edge[i].to;
    return 0;
}

void ht_leak_order_free(struct ht_leak_order *o)
{
    free(o->first);
    free(o->to);
    free(o->queue);
    *o = (struct ht_leak_order){0};
}

int ht_leak_graph_reach(struct ht_leak_graph *g, bool *reached, size_t n)
{
    struct ht_leak_order o = {0};
    int err = ht_leak_graph_sort(g, n, &o);
    size_t head = 0, tail = 0;
    for (size_t i = 0; !err && i < n; i++)
        if (reached[i])
            o.queue[tail++] = (uint32_t)i;
    while (!err && head < tail) {
        uint32_t from = o.queue[head++];
        for (size_t k = o.first[from]; k < o.first[from + 1]; k++)
            if (!reached[o.to[k]]) {
                reached[o.to[k]] = true;
                o.queue[tail++] = o.to[k];
            }
    }
    ht_leak_order_free(&o);
    return err;
}

/* Makes this block the head of all leaked blocks that it leads to and that have no head yet. */
static void take_below(struct ht_leak_block *block, const bool *leaked, struct ht_leak_order *o,
                       uint32_t head)
{
    size_t at = 0, n = 0;
    block[head].grade = HT_LEAK_UNREFERENCED;
    block[head].head = head;
    o->queue[n++] = head;
    while (at < n) {
        uint32_t from = o->queue[at++];
        for (size_t k = o->first[from]; k < o->first[from + 1]; k++) {
            uint32_t to = o->to[k];
            if (!leaked[to] || block[to].grade != HT_LEAK_NONE)
                continue;
            block[to].grade = HT_LEAK_UNREACHABLE;
            block[to].head = head;
            o->queue[n++] = to;
        }
    }
}

int ht_leak_graph_heads(struct ht_leak_graph *g, struct ht_leak_block *block, const bool *leaked,
                        size_t n)
{
    struct ht_leak_order o = {0};
    bool *pointed = calloc(n + 1, 1);
    int err = !pointed ? -ENOMEM : ht_leak_graph_sort(g, n, &o);
    for (size_t i = 0; !err && i < g->n_edges; i++)
        if (leaked[g->edge[i].from] && g->edge[i].from != g->edge[i].to)
            pointed[g->edge[i].to] = true;
    for (size_t i = 0; !err && i < n; i++)
        if (leaked[i] && !pointed[i] && block[i].grade == HT_LEAK_NONE)
            take_below(block, leaked, &o, (uint32_t)i);
    /* Only circles, and blocks that they lead to, are left. The first block by address is the head.
     */
    for (size_t i = 0; !err && i < n; i++)
        if (leaked[i] && block[i].grade == HT_LEAK_NONE)
            take_below(block, leaked, &o, (uint32_t)i);
    ht_leak_order_free(&o);
    free(pointed);
    return err;
}

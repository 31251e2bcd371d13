/* SPDX-License-Identifier: MIT */
/* Breadth first, so that the path to each block is a shortest one. */
#include "config.h"

#include "leaks/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int ht_trace_begin(struct ht_trace *t, uint32_t n)
{
    size_t size = ((size_t)n + 1) * sizeof(uint32_t);
    *t = (struct ht_trace){.n = n};
    t->root = malloc(size);
    t->up = malloc(size);
    t->run = malloc(size);
    t->name = malloc(size);
    t->queue = malloc(size);
    if (!t->root || !t->up || !t->run || !t->name || !t->queue)
        return -ENOMEM;
    memset(t->root, 0xff, size);
    return 0;
}

void ht_trace_free(struct ht_trace *t)
{
    free(t->root);
    free(t->up);
    free(t->run);
    free(t->name);
    free(t->queue);
    *t = (struct ht_trace){0};
}

void ht_trace_root(struct ht_trace *t, const struct ht_trace_graph *g, uint32_t root, uint32_t to)
{
    if (to >= t->n || t->root[to] != HT_TRACE_NONE)
        return;
    t->root[to] = root;
    t->up[to] = HT_TRACE_NONE;
    t->run[to] = 1;
    t->name[to] = g->name(g->ctx, to);
    t->queue[t->tail++] = to;
}

void ht_trace_follow(struct ht_trace *t, const struct ht_trace_graph *g)
{
    while (t->head < t->tail) {
        uint32_t from = t->queue[t->head++], before = t->name[from];
        size_t first, n = g->edges(g->ctx, from, &first);
        for (size_t k = first; k < first + n; k++) {
            uint32_t to = g->target(g->ctx, k);
            if (to >= t->n || t->root[to] != HT_TRACE_NONE)
                continue;
            uint32_t name = g->name(g->ctx, to);
            bool same = name == HT_TRACE_NONE || before == HT_TRACE_NONE
                            ? g->size(g->ctx, to) == g->size(g->ctx, from)
                            : name == before;
            t->root[to] = t->root[from];
            t->up[to] = same ? t->up[from] : from;
            t->run[to] = same ? t->run[from] + 1 : 1;
            t->name[to] = name == HT_TRACE_NONE && same ? before : name;
            t->queue[t->tail++] = to;
        }
    }
}

/* SPDX-License-Identifier: MIT */
/* pprof's orders: by weight, then by name, then by all other fields of a node. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/graph.h"

struct order {
    struct ht_graph *g;
    enum ht_graph_node_order by;
};

static int larger_first(int64_t a, int64_t b)
{
    a = ht_abs64(a);
    b = ht_abs64(b);
    return (a < b) - (a > b);
}

static int smaller_first(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static char *info_text(const struct ht_graph_node_info *i)
{
    char *s = NULL;
    if (asprintf(&s, "{%s  %" PRIu64 " %s %" PRId64 " %" PRId64 " %s}", i->name, i->address,
                 i->file, i->start_line, i->line, i->objfile) < 0)
        return NULL;
    return s;
}

/* pprof compares the printed struct, so numbers are compared as text here too. */
static int by_everything(const struct ht_graph_node *a, const struct ht_graph_node *b)
{
    char *ta = info_text(&a->info), *tb = info_text(&b->info);
    int c = ta && tb ? strcmp(ta, tb) : 0;
    free(ta);
    free(tb);
    return c;
}

static int compare_nodes(const void *pa, const void *pb, void *arg)
{
    struct ht_graph_node *a = *(struct ht_graph_node *const *)pa,
                         *b = *(struct ht_graph_node *const *)pb;
    const struct order *o = arg;
    int c = 0;
    switch (o->by) {
    case HT_ORDER_FLAT:
        if (!(c = larger_first(a->flat, b->flat)) &&
            !(c = strcmp(ht_graph_node_name(o->g, a), ht_graph_node_name(o->g, b))))
            c = larger_first(a->cum, b->cum);
        break;
    case HT_ORDER_GROWTH:
        if (!(c = smaller_first(b->score, a->score)))
            c = strcmp(ht_graph_node_name(o->g, a), ht_graph_node_name(o->g, b));
        break;
    case HT_ORDER_CUM:
    case HT_ORDER_ENTROPY:
        if (!(c = larger_first(a->score, b->score)) &&
            !(c = strcmp(ht_graph_node_name(o->g, a), ht_graph_node_name(o->g, b))))
            c = larger_first(a->flat, b->flat);
        break;
    case HT_ORDER_NAME:
        c = strcmp(a->info.name, b->info.name);
        break;
    case HT_ORDER_FILE:
        if (!(c = strcmp(a->info.file, b->info.file)))
            c = smaller_first(a->info.start_line, b->info.start_line);
        break;
    }
    return c ? c : by_everything(a, b);
}

/* The entropy of a node's edges: a node with one edge in and out counts little. */
static double edge_entropy(const struct ht_graph_node *n, bool in, int64_t self)
{
    double score = 0;
    int64_t total = self;
    for (const struct ht_edge *e = in ? n->in : n->out; e; e = in ? e->next_in : e->next_out)
        if (!e->dead && e->weight > 0)
            total = (int64_t)((uint64_t)total + (uint64_t)e->weight);
    if (!total)
        return 0;
    for (const struct ht_edge *e = in ? n->in : n->out; e; e = in ? e->next_in : e->next_out) {
        if (e->dead)
            continue;
        double part = (double)ht_abs64(e->weight) / (double)total;
        score += -part * log2(part);
    }
    if (self > 0) {
        double part = (double)self / (double)total;
        score += -part * log2(part);
    }
    return score;
}

static bool has_edges(const struct ht_graph_node *n, bool in)
{
    for (const struct ht_edge *e = in ? n->in : n->out; e; e = in ? e->next_in : e->next_out)
        if (!e->dead)
            return true;
    return false;
}

static int64_t entropy_score(const struct ht_graph_node *n)
{
    double score = has_edges(n, true) ? edge_entropy(n, true, 0) : 1;
    score += has_edges(n, false) ? edge_entropy(n, false, n->flat) : 1;
    double v = score * (double)n->cum;
    /* Go's conversion of what does not fit (and of NaN) on amd64. */
    int64_t i = v >= -0x1p63 && v < 0x1p63 ? (int64_t)v : INT64_MIN;
    return (int64_t)((uint64_t)i + (uint64_t)n->flat);
}

void ht_graph_nodes_sort(struct ht_graph *g, struct ht_graph_node **nodes, size_t n,
                         enum ht_graph_node_order order)
{
    struct order o = {.g = g, .by = order};
    for (size_t i = 0; i < n; i++)
        nodes[i]->score = order == HT_ORDER_ENTROPY  ? entropy_score(nodes[i])
                          : order == HT_ORDER_GROWTH ? nodes[i]->flat
                                                     : nodes[i]->cum;
    qsort_r(nodes, n, sizeof(nodes[0]), compare_nodes, &o);
}

static int compare_edges(const void *pa, const void *pb, void *arg)
{
    const struct ht_edge *a = *(struct ht_edge *const *)pa, *b = *(struct ht_edge *const *)pb;
    struct ht_graph *g = arg;
    int c = larger_first(a->weight, b->weight);
    if (!c)
        c = strcmp(ht_graph_node_name(g, a->src), ht_graph_node_name(g, b->src));
    if (!c)
        c = strcmp(ht_graph_node_name(g, a->dest), ht_graph_node_name(g, b->dest));
    return c;
}

void ht_edges_sort(struct ht_graph *g, struct ht_edge **e, size_t n)
{
    qsort_r(e, n, sizeof(e[0]), compare_edges, g);
}

struct ht_edge **ht_edges_sorted(struct ht_graph *g, const struct ht_graph_node *n, bool in,
                                 size_t *count)
{
    size_t k = 0;
    for (struct ht_edge *e = in ? n->in : n->out; e; e = in ? e->next_in : e->next_out)
        k += !e->dead;
    struct ht_edge **list = calloc(k + 1, sizeof(list[0]));
    *count = list ? k : 0;
    k = 0;
    for (struct ht_edge *e = in ? n->in : n->out; list && e; e = in ? e->next_in : e->next_out)
        if (!e->dead)
            list[k++] = e;
    if (list)
        ht_edges_sort(g, list, k);
    else
        g->err = -ENOMEM;
    return list;
}

/* SPDX-License-Identifier: MIT */
/* Leaves out nodes and edges that are small, and edges that another path makes redundant. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "report/graph.h"

/* A box of the graph shows at most this many labels. */
#define MAX_NODELETS 4

static void keep_none(struct ht_graph *g)
{
    for (size_t i = 0; i < g->n_all; i++)
        g->all[i]->kept = false;
}

size_t ht_graph_keep_heavy(struct ht_graph *g, int64_t cutoff)
{
    size_t n = 0;
    keep_none(g);
    for (size_t i = 0; i < g->n_nodes; i++) {
        g->nodes[i]->kept = ht_abs64(g->nodes[i]->cum) >= cutoff;
        n += g->nodes[i]->kept;
    }
    return n;
}

static size_t shown_tags(const struct ht_graph_node *n)
{
    size_t count = 0;
    for (const struct ht_tag *t = n->tags; t; t = t->next)
        count += t->flat != 0;
    return count < MAX_NODELETS ? count : MAX_NODELETS;
}

size_t ht_graph_keep_top(struct ht_graph *g, size_t n, bool visual)
{
    /* In a drawing, labels use up the room of nodes. */
    for (size_t i = 0, room = 0; visual && i < g->n_nodes; i++)
        if ((room += shown_tags(g->nodes[i]) + 1) >= n) {
            n = i + 1;
            break;
        }
    if (n > g->n_nodes)
        n = g->n_nodes;
    keep_none(g);
    for (size_t i = 0; i < n; i++)
        g->nodes[i]->kept = true;
    return n;
}

size_t ht_graph_trim_edges(struct ht_graph *g, int64_t cutoff)
{
    size_t dropped = 0;
    for (size_t i = 0; i < g->n_nodes; i++)
        for (struct ht_edge *e = g->nodes[i]->in; e; e = e->next_in)
            if (!e->dead && ht_abs64(e->weight) < cutoff) {
                e->dead = true;
                dropped++;
            }
    return dropped;
}

void ht_graph_trim_tags(struct ht_graph *g, int64_t cutoff)
{
    for (size_t i = 0; i < g->n_nodes; i++)
        for (struct ht_tag **t = &g->nodes[i]->tags; *t;)
            if (ht_abs64((*t)->flat) < cutoff && ht_abs64((*t)->cum) < cutoff)
                *t = (*t)->next;
            else
                t = &(*t)->next;
}

/* Whether e->src reaches e->dest without e: a walk upwards from dest. */
static bool is_redundant(struct ht_graph *g, const struct ht_edge *e, struct ht_graph_node **queue)
{
    size_t head = 0, tail = 0;
    g->stamp++;
    e->dest->seen = g->stamp;
    queue[tail++] = e->dest;
    while (head < tail)
        for (const struct ht_edge *in = queue[head++]->in; in; in = in->next_in) {
            if (in->dead || in == e || in->src->seen == g->stamp)
                continue;
            if (in->src == e->src)
                return true;
            in->src->seen = g->stamp;
            queue[tail++] = in->src;
        }
    return false;
}

int ht_graph_remove_redundant(struct ht_graph *g)
{
    struct ht_graph_node **queue = calloc(g->n_all + 1, sizeof(queue[0]));
    if (!queue)
        return -ENOMEM;
    for (size_t i = g->n_nodes; i-- > 0;) {
        size_t n;
        struct ht_edge **in = ht_edges_sorted(g, g->nodes[i], true, &n);
        /* Lightest first; only edges lighter than every real one. */
        while (n > 0 && in[n - 1]->residual) {
            struct ht_edge *e = in[--n];
            e->dead = is_redundant(g, e, queue);
        }
        free(in);
    }
    free(queue);
    return g->err;
}

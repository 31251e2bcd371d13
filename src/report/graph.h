/* SPDX-License-Identifier: MIT */
/*
 * The weighted graph of a profile's frames, as google/pprof builds it (internal/graph): a node
 * for each distinct frame, flat and cum counted once a sample however often the frame recurs, an
 * edge for each caller and callee. A graph is built from the samples again whenever nodes are
 * left out, since the first graph has no edges across a missing node (residual edges).
 *
 * Everything here lives in the profile's memory and goes with it.
 */
#ifndef HEAPTAP_SRC_REPORT_GRAPH_H
#define HEAPTAP_SRC_REPORT_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "evidence/sampling.h"
#include "profile/ops.h"
#include "profile/profile.h"

/* What distinguishes frames; strings are the profile's. */
struct ht_graph_node_info {
    const char *name, *file, *objfile;
    uint64_t address;
    int64_t start_line, line;
};

/* A part of a node's weight: the samples with one label. */
struct ht_tag {
    const char *group; /* string labels it belongs to; NULL when it is a string label itself */
    const char *name, *unit;
    int64_t value;
    int64_t flat, flat_div, cum, cum_div;
    struct ht_tag *next;
    const struct ht_graph_node *node;
    struct ht_tag *hash_next;
};

struct ht_edge;

struct ht_graph_node {
    struct ht_graph_node_info info;
    const char *object;    /* the path of its binary; "" when that is not known */
    const char *printable; /* made on first use */
    int64_t flat, flat_div, cum, cum_div;
    int64_t score;
    struct ht_evidence *evidence; /* of flat, then of cum; NULL when not asked for */
    struct ht_edge *in, *out;     /* lists by next_in, next_out; may hold dead edges */
    struct ht_tag *tags;
    uint32_t seen, index;
    bool kept;
    struct ht_graph_node *hash_next;
};

struct ht_edge {
    struct ht_graph_node *src, *dest;
    int64_t weight, weight_div;
    uint32_t seen;
    bool residual, is_inline, dead;
    struct ht_edge *next_in, *next_out, *hash_next;
};

struct ht_graph_options {
    size_t value;   /* index of the sample type */
    long divisor;   /* index of the divisor (mean), -1 for none */
    bool obj_names; /* keep frames of different binaries apart */
    bool tags;      /* collect labels (graph output only) */
    bool drop_negative;
    bool frames_only; /* only the nodes of the locations: neither weights nor edges */
    const char *bytes_unit, *output_unit; /* of the label "bytes" and of its tags' names */
};

struct ht_graph {
    struct ht_profile *p;
    struct ht_graph_options o;
    struct ht_graph_node **all; /* every frame, in order of first appearance */
    size_t n_all, cap_all;
    struct ht_graph_node **nodes; /* those with weight, in the order last sorted */
    size_t n_nodes;
    struct ht_graph_node **node_hash;
    size_t node_hash_size;
    struct ht_edge **edge_hash;
    size_t edge_hash_size, n_edges;
    struct ht_tag **tag_hash; /* NULL until there is a tag */
    size_t tag_hash_size, n_tags;
    size_t *first_frame; /* by location id - 1, into frames */
    struct ht_graph_node **frames;
    uint32_t stamp;
    int err;
};

enum ht_graph_node_order {
    HT_ORDER_FLAT,
    HT_ORDER_GROWTH, /* not pprof's: signed, largest flat first */
    HT_ORDER_CUM,
    HT_ORDER_ENTROPY,
    HT_ORDER_NAME,
    HT_ORDER_FILE,
};

/* Builds the whole graph. Renumbers the profile's locations. 0 or -ENOMEM. finish frees tables. */
int ht_graph_init(struct ht_graph *g, struct ht_profile *p, const struct ht_graph_options *o);
void ht_graph_finish(struct ht_graph *g);

/* Builds it again with only the nodes whose kept is set. 0 or -ENOMEM. */
int ht_graph_rebuild(struct ht_graph *g);

/* Adds up the evidence of the nodes whose kept is set, once that is final. Before this call
 * their evidence is NULL. *samples gets how many objects were sampled. 0 or -ENOMEM. */
int ht_graph_add_evidence(struct ht_graph *g, const struct ht_sampling *sampling, double *samples);

/* --- graph_name.c --- */

/* "pkg.fn file:line", the text for people. Never NULL. */
const char *ht_graph_node_name(struct ht_graph *g, struct ht_graph_node *n);
/* The same from an info, into a new string to free; sep stands between the parts. */
char *ht_info_name(const struct ht_graph_node_info *i, const char *sep);

static inline int64_t ht_div_value(int64_t v, int64_t div)
{
    return div ? v / div : v;
}

/* How often calls to the node were inlined into its callers. */
enum ht_inlining {
    HT_NEVER_INLINED,
    HT_INLINED_SOMEWHERE,
    HT_INLINED_EVERYWHERE,
};
enum ht_inlining ht_graph_node_inlining(const struct ht_graph_node *n);

/* --- graph_order.c --- */

/* Sorts nodes by pprof's rules, the last of which leaves no ties. */
void ht_graph_nodes_sort(struct ht_graph *g, struct ht_graph_node **nodes, size_t n,
                         enum ht_graph_node_order order);

/* The live edges into (or out of) a node, heaviest first: an array to free. NULL: out of memory. */
struct ht_edge **ht_edges_sorted(struct ht_graph *g, const struct ht_graph_node *n, bool in,
                                 size_t *count);
void ht_edges_sort(struct ht_graph *g, struct ht_edge **e, size_t n);

/* --- graph_trim.c --- */

/* Trimming; the first two set kept and return how many nodes are to be kept. */
size_t ht_graph_keep_heavy(struct ht_graph *g, int64_t cutoff);
size_t ht_graph_keep_top(struct ht_graph *g, size_t n, bool visual);
size_t ht_graph_trim_edges(struct ht_graph *g, int64_t cutoff);
void ht_graph_trim_tags(struct ht_graph *g, int64_t cutoff);
/* Removes residual edges whose ends are connected by another path. 0 or -ENOMEM. */
int ht_graph_remove_redundant(struct ht_graph *g);

/* graph.c */
int64_t ht_abs64(int64_t v);

#endif

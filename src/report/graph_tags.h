/* SPDX-License-Identifier: MIT */
/* What labels add to a graph's nodes; part of graph.c's work. */
#ifndef HEAPTAP_SRC_REPORT_GRAPH_TAGS_H
#define HEAPTAP_SRC_REPORT_GRAPH_TAGS_H

#include "report/graph.h"
#include "util/hash.h"

static inline size_t ht_graph_mix(uint64_t h)
{
    h ^= h >> 32;
    h *= HT_GOLDEN_RATIO;
    return (size_t)(h ^ h >> 29);
}

/* The node's tag of that name and group, made when there is none. NULL with g->err set. */
struct ht_tag *ht_graph_tag(struct ht_graph *g, struct ht_graph_node *n, const struct ht_tag *like);

/* The tags of the sample's labels, linked by next: the joined string labels, and its sizes. */
struct ht_tag *ht_graph_sample_tags(struct ht_graph *g, const struct ht_sample *s);

#endif

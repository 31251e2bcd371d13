/* SPDX-License-Identifier: MIT */
/* Finds for each block a path from a root. Any thread; one at a time on one trace. */
#ifndef HEAPTAP_SRC_LEAKS_TRACE_H
#define HEAPTAP_SRC_LEAKS_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HT_TRACE_NONE UINT32_MAX

/* Blocks that point to each other, and roots that point to blocks. */
struct ht_trace_graph {
    uint32_t n;
    const void *ctx;
    /* How many edges a block has; *first: the number of the first. */
    size_t (*edges)(const void *ctx, uint32_t from, size_t *first);
    uint32_t (*target)(const void *ctx, size_t edge);  /* HT_TRACE_NONE: no block */
    uint32_t (*name)(const void *ctx, uint32_t block); /* HT_TRACE_NONE: it is not known */
    uint32_t (*size)(const void *ctx, uint32_t block);
};

/*
 * The shortest path from a root to each block. Consecutive blocks of a path with one name are a
 * run. A block without a name continues the run if its size is that of the block before. In a list,
 * the block to which the list's head points has run 1, the next block 2.
 */
struct ht_trace {
    uint32_t *root;  /* the number of the root; HT_TRACE_NONE: no root leads to the block */
    uint32_t *up;    /* the block that points to the block's run; HT_TRACE_NONE: the root does */
    uint32_t *run;   /* the number of the block in its run, from 1 */
    uint32_t *name;  /* the name of the run so far */
    uint32_t *queue; /* the blocks, in the order in which they were reached */
    uint32_t n, head, tail;
};

/* Begins a trace over n blocks. 0 or -ENOMEM. ht_trace_free in either case. */
int ht_trace_begin(struct ht_trace *t, uint32_t n);

/* Adds a root that points to the block `to`, unless another root leads to that block already. */
void ht_trace_root(struct ht_trace *t, const struct ht_trace_graph *g, uint32_t root, uint32_t to);

/* Follows all roots that were added so far. Blocks that they lead to stay theirs, even if a later
 * root leads there too. */
void ht_trace_follow(struct ht_trace *t, const struct ht_trace_graph *g);

void ht_trace_free(struct ht_trace *t);

#endif

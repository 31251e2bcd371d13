/* SPDX-License-Identifier: MIT */
/* By which way each block is reached from the roots. */
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
    /* The edges of a block: how many, and the first's number. */
    size_t (*edges)(const void *ctx, uint32_t from, size_t *first);
    uint32_t (*target)(const void *ctx, size_t edge);  /* HT_TRACE_NONE: no block */
    uint32_t (*name)(const void *ctx, uint32_t block); /* HT_TRACE_NONE: it is not known */
    uint32_t (*size)(const void *ctx, uint32_t block);
};

/*
 * Of each block, the shortest way from a root. Blocks in a row that have one name are a run; one
 * without a name belongs to it if it has the size of the one before. Of a list the block that its
 * head points to has run 1, the next one 2.
 */
struct ht_trace {
    uint32_t *root;  /* the number of the root; HT_TRACE_NONE: none leads to it */
    uint32_t *up;    /* the block that points to the run; HT_TRACE_NONE: the root does */
    uint32_t *run;   /* how many blocks of the run there are up to this one */
    uint32_t *name;  /* of the run, up to this one */
    uint32_t *queue; /* the order in which they were reached */
    uint32_t n, head, tail;
};

/* 0 or -ENOMEM. free in any case. */
int ht_trace_begin(struct ht_trace *t, uint32_t n);

/* From one more root: `to`, which it points to, if no other leads to that yet. */
void ht_trace_root(struct ht_trace *t, const struct ht_trace_graph *g, uint32_t root, uint32_t to);

/* Follows all roots that were told: what later ones lead to as well stays theirs. */
void ht_trace_follow(struct ht_trace *t, const struct ht_trace_graph *g);

void ht_trace_free(struct ht_trace *t);

#endif

/* SPDX-License-Identifier: MIT */
/* One look through a process. Within the room. */
#ifndef HEAPTAP_SRC_LEAKS_LOOK_H
#define HEAPTAP_SRC_LEAKS_LOOK_H

#include "leaks/areas.h"
#include "leaks/graph.h"
#include "leaks/heap.h"
#include "leaks/hold.h"
#include "leaks/index.h"
#include "leaks/leaks.h"
#include "leaks/records.h"
#include "leaks/roots.h"
#include "leaks/threads.h"
#include "leaks/who_threads.h"

enum ht_leak_node_kind {
    HT_NODE_LOOSE,  /* of a sample alone: not known to be a chunk of glibc's */
    HT_NODE_CHUNK,  /* in a heap */
    HT_NODE_MAPPED, /* in a mapping of its own */
};

/* Whether a pass met a node as the chunk that it was. */
enum ht_leak_met {
    HT_MET_UNKNOWN, /* what lies there could not be told: the heap changed too fast */
    HT_MET_NOT,
    HT_MET,
};

struct ht_leak_search {
    struct ht_remote *r;
    const struct ht_leak_options *o;
    struct ht_leaks *l;
    bool walk; /* sampled, and glibc's heap is walked: nodes are chunks */

    /* What is looked for: the blocks that were asked about; with `walk` all chunks that the first
     * pass found nothing to lead to, with or without a sample (record 0: without). */
    struct ht_leak_block *node; /* by address */
    size_t n;
    uint8_t *kind;   /* of each node, with `walk` */
    uint32_t *of;    /* with `walk`, of each block of l: its node; UINT32_MAX: it was reached */
    bool *candidate; /* of each node: no pass found a way to it */
    bool *seen;      /* this pass found one */
    bool *gone;      /* freed, or no chunk any more: its words may be anybody's */
    uint8_t *met;    /* with `walk`: enum ht_leak_met, of this pass */
    bool *confirmed; /* with `walk`: a later pass than the first met it */
    size_t cursor;   /* where in the walk */
    struct ht_leak_index *x;
    struct ht_leak_graph graph; /* exact mode, and `walk` */
    struct ht_leak_heap *whole; /* the first pass of a walk */
    uint32_t *at;               /* of words that may point into a block */
    uint64_t done, resident, shown_ns;
    struct ht_leak_records records;
    bool moved; /* a later pass found what an earlier one missed */
    struct ht_leak_hold hold;
    const struct ht_who_copy *copy; /* stacks as they were when their threads were stopped: these
                                       are not read again */
    size_t n_copies;
    struct ht_leak_roots *roots; /* where roots lie that point to a node, all of them; NULL: only
                                    whether one does matters (`seen`) */
};

/* --- look.c ---
 */

/* The region of a living process, into l. 0, or -errno with msg. */
int ht_leak_open(struct ht_remote *r, struct ht_leaks *l, char *msg, size_t msg_size);

/* A line for an error that has none yet. err. */
int ht_leak_said(const struct ht_remote *r, int err, char *msg, size_t msg_size);

/* Of the nodes that are candidates. 0 or -ENOMEM. */
int ht_leak_make_index(struct ht_leak_search *k);
/* Sleeps until ht_leak_now_ns is so much. */
void ht_leak_wait_until(uint64_t due_ns);
void ht_leak_search_free(struct ht_leak_search *k);

/* --- pass.c ---
 */

/* Reads all memory once. 0 or -errno. */
int ht_leak_pass(struct ht_leak_search *k, unsigned number);

/* Words that lie in no memory: registers, what the kernel has; from: ht_leak_loose, or NULL. ctx:
 * the look. */
void ht_leak_take_loose(void *ctx, const uint64_t *words, const uint64_t *from, size_t n);

/* --- blocks.c ---
 */

/* The live blocks of the region, into l. 0, -ENOMEM, -E2BIG. */
int ht_leak_collect(struct ht_leaks *l);

/* The nodes are the blocks of l. 0 or -ENOMEM. */
int ht_leak_nodes_of_blocks(struct ht_leak_search *k);

/* Marks what was freed meanwhile. 0 or -errno with msg. */
int ht_leak_find_gone(struct ht_leak_search *k, char *msg, size_t msg_size);

/* What is reached through others, and what those that are gone point to. 0 or -ENOMEM. */
int ht_leak_reach(struct ht_leak_search *k);

/* What was seen is no candidate any more. How many blocks are left; *found: nodes that were found.
 */
size_t ht_leak_settle(struct ht_leak_search *k, size_t *found);

/* Into the blocks of l: their grades and heads. 0 or -ENOMEM. */
int ht_leak_grade(struct ht_leak_search *k);

/* --- nodes.c ---
 */

/* The library that is the allocator in place of glibc's; NULL: none is known. Of the maps that r
 * has read. */
const char *ht_leak_other_allocator(const struct ht_remote *r);

/* Whether glibc's heap can be walked; if not, l->unwalked says why. */
bool ht_leak_can_walk(struct ht_leak_search *k);

/* Cuts what is walked out of the areas. 0 or -ENOMEM; free heaps in any case. */
int ht_leak_cut_heaps(struct ht_leak_search *k, struct ht_leak_areas *areas,
                      struct ht_memory_heaps *heaps);

/* Half of the memory that is to be had here, in bytes. */
uint64_t ht_leak_memory_limit(void);

/* Before the first pass of a walk. 0 or -ENOMEM. */
int ht_leak_whole_begin(struct ht_leak_search *k, const struct ht_leak_areas *areas,
                        const struct ht_memory_heaps *heaps, struct ht_leak_reader *d);

/* After it: makes the nodes of what was not reached. Where that cannot be done the nodes are the
 * blocks of l, and l->unwalked says why. 0 or -ENOMEM. */
int ht_leak_whole_end(struct ht_leak_search *k);

/* Later passes: whether the nodes are as they were. */
void ht_leak_check_to(struct ht_leak_search *k, struct ht_leak_walk_to *to);
void ht_leak_check_mapped(struct ht_leak_search *k, struct ht_leak_reader *d);

#endif

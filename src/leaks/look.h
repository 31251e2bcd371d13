/* SPDX-License-Identifier: MIT */
/* One look through a process. Private to the room. */
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
    HT_NODE_LOOSE,  /* a sampled block that is not known to be a chunk of glibc's */
    HT_NODE_CHUNK,  /* in a heap */
    HT_NODE_MAPPED, /* in a mapping of its own */
};

/* Whether a pass met a node as the chunk that it was before. */
enum ht_leak_met {
    HT_MET_UNKNOWN, /* no chunks were recognised there: the heap changed too fast */
    HT_MET_NOT,
    HT_MET,
};

struct ht_leak_search {
    struct ht_remote *r;
    const struct ht_leak_options *o;
    struct ht_leaks *l;
    bool walk; /* sampled, and glibc's heap is walked: nodes are chunks */

    /* The nodes: what is looked for. Without `walk` these are the blocks of l. With `walk` they are
     * all chunks that the first pass did not reach, sampled or not (record 0: not sampled). */
    struct ht_leak_block *node; /* by address */
    size_t n;
    uint8_t *kind;   /* of each node, with `walk` */
    uint32_t *of;    /* with `walk`, of each block of l: its node; UINT32_MAX: it was reached */
    bool *candidate; /* of each node: no pass has reached it */
    bool *seen;      /* of each node: this pass has reached it */
    bool *gone;      /* of each node: freed, or no chunk any more, so its words may be anything */
    uint8_t *met;    /* with `walk`, of each node: enum ht_leak_met, of this pass */
    bool *confirmed; /* with `walk`, of each node: a pass after the first met it */
    size_t cursor;   /* the node at which the walk is */
    struct ht_leak_index *x;
    struct ht_leak_graph graph; /* exact mode, and `walk` */
    struct ht_leak_heap *whole; /* the first pass of a walk */
    uint32_t *at;               /* positions of words that may point into a block */
    uint64_t done, resident, shown_ns;
    struct ht_leak_records records;
    bool moved; /* a later pass found what an earlier one missed */
    struct ht_leak_hold hold;
    /* Copies of stacks, taken while their threads were stopped; these stacks are not read again. */
    const struct ht_who_copy *copy;
    size_t n_copies;
    /* Gets all roots that point to a node. NULL: roots are not kept; they only set `seen`. */
    struct ht_leak_roots *roots;
};

/* --- look.c ---
 */

/* Opens the region of a living process, in l. 0, or -errno with msg. */
int ht_leak_open(struct ht_remote *r, struct ht_leaks *l, char *msg, size_t msg_size);

/* Writes the line for an error that has none yet. Returns err. */
int ht_leak_said(const struct ht_remote *r, int err, char *msg, size_t msg_size);

/* Makes the index of the nodes that are candidates. 0 or -ENOMEM. */
int ht_leak_make_index(struct ht_leak_search *k);
/* Sleeps until ht_leak_now_ns() reaches due_ns. */
void ht_leak_wait_until(uint64_t due_ns);
void ht_leak_search_free(struct ht_leak_search *k);

/* --- pass.c ---
 */

/* Reads all memory once. 0 or -errno. */
int ht_leak_pass(struct ht_leak_search *k, unsigned number);

/* Takes in words that lie in no memory: registers, and words of the kernel. from: the origin of
 * each (ht_leak_loose); may be NULL. ctx: the struct ht_leak_search. */
void ht_leak_take_loose(void *ctx, const uint64_t *words, const uint64_t *from, size_t n);

/* --- blocks.c ---
 */

/* Stores the live blocks of the region in l. 0, -ENOMEM, -E2BIG. */
int ht_leak_collect(struct ht_leaks *l);

/* Makes the blocks of l the nodes. 0 or -ENOMEM. */
int ht_leak_nodes_of_blocks(struct ht_leak_search *k);

/* Marks the nodes that were freed meanwhile. 0 or -errno with msg. */
int ht_leak_find_gone(struct ht_leak_search *k, char *msg, size_t msg_size);

/* Marks the nodes that reached nodes lead to, and those that nodes which are gone point to. 0 or
 * -ENOMEM. */
int ht_leak_reach(struct ht_leak_search *k);

/* Ends a pass: a node that it has reached is no candidate any more. Returns how many blocks are
 * left. *found: how many nodes the pass has reached. */
size_t ht_leak_settle(struct ht_leak_search *k, size_t *found);

/* Sets the grades and heads of the blocks of l. 0 or -ENOMEM. */
int ht_leak_grade(struct ht_leak_search *k);

/* --- nodes.c ---
 */

/* The library that is the allocator in place of glibc's; NULL: none is known. Of the maps that r
 * has read. */
const char *ht_leak_other_allocator(const struct ht_remote *r);

/* Whether glibc's heap can be walked; if not, l->unwalked says why. */
bool ht_leak_can_walk(struct ht_leak_search *k);

/* Takes the heaps that are walked out of the areas. 0 or -ENOMEM; the caller frees heaps in either
 * case. */
int ht_leak_cut_heaps(struct ht_leak_search *k, struct ht_leak_areas *areas,
                      struct ht_memory_heaps *heaps);

/* Half of the memory that is to be had here, in bytes. */
uint64_t ht_leak_memory_limit(void);

/* Before the first pass of a walk. 0 or -ENOMEM. */
int ht_leak_whole_begin(struct ht_leak_search *k, const struct ht_leak_areas *areas,
                        const struct ht_memory_heaps *heaps, struct ht_leak_reader *d);

/* After the first pass: makes nodes of the chunks that were not reached. Where that cannot be done,
 * the blocks of l become the nodes, and l->unwalked says why. 0 or -ENOMEM. */
int ht_leak_whole_end(struct ht_leak_search *k);

/* In later passes: check whether the nodes are still the chunks that they were. */
void ht_leak_check_to(struct ht_leak_search *k, struct ht_leak_walk_to *to);
void ht_leak_check_mapped(struct ht_leak_search *k, struct ht_leak_reader *d);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The mappings that the program made: which addresses, by which site. Exact, whatever is split, cut
 * or mapped over. Any thread, and signal handlers. No thread waits for the table itself: a change
 * is put into a queue, and the next thread that finds the table free does all that is in there, in
 * order. A thread waits only where the queue is full, for 250 ms at most.
 *
 * Changes are recorded after their system calls, perhaps much later, when other threads may have
 * mapped the same addresses again. So each has a time of its own: a number that is drawn before a
 * call that unmaps, and after one that maps. A change takes out only what is older than it.
 */
#ifndef HEAPTAP_SRC_TARGET_TABLES_MAPPINGS_H
#define HEAPTAP_SRC_TARGET_TABLES_MAPPINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "region/layout.h"
#include "target/os/hidden.h"

/* What is recorded of one mapping: addresses with one site, older than what lies around them. */
struct ht_mapped {
    uint64_t start, end; /* end 0: the node is free */
    uint64_t born;
    ht_ref site;
    uint32_t time;          /* s since the region's start */
    ht_ref region_record;   /* kept over reuse; 0: none yet */
    uint32_t next[6], free; /* node + 1: by level; in the list of free ones */
};

struct ht_mapping_change {
    uint64_t out_start, out_end; /* what is taken out */
    uint64_t out_before;         /* if it is older than this */
    uint64_t in_start, in_end;   /* what is put in afterwards; both 0: nothing */
    uint64_t born;
    uint64_t known_at; /* 0, or: only if something is recorded at this address */
    ht_ref site;       /* 0: put nothing in, but take out what is older */
    uint32_t time;
};

/* A number larger than all before. */
uint64_t ht_mappings_now(void);

/* Changes the table, now or when it is free. The region is this process's own. False: the queue
 * was full for too long, or there is no memory for it, and the caller counts it. */
bool ht_mappings_change(const struct ht_mapping_change *c);

/* Whether anything was ever put in; relaxed. */
extern HT_HIDDEN _Atomic uint32_t ht_mappings_any;

/* Where the table and its queue keep the program's addresses. */
void ht_mappings_memory(struct ht_private_array out[2]);

/* Before a sandbox: memory for some thousand. */
void ht_mappings_prepare(void);

/*
 * In a forked child, single-threaded, before its region is in use: finishes what was in the queue
 * at the fork, without counting, and makes the table whole. Then fn may give each mapping its
 * site in the new region; one whose site is 0 is forgotten.
 */
void ht_mappings_adopt(void);
void ht_mappings_each(void (*fn)(struct ht_mapped *m, void *ctx), void *ctx);

/* Counts a mapping whose site is new, and writes its region record. For that fn. */
void ht_mappings_publish(struct ht_mapped *m);

#endif

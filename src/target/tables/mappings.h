/* SPDX-License-Identifier: MIT */
/*
 * The mappings that the program made: their addresses, and the site that made them. Exact, also
 * when mappings are split, cut or mapped over. Any thread, and signal handlers. No thread waits for
 * the table itself: a change is put into a queue, and the next thread that finds the table free
 * does all changes in the queue, in order. A thread waits only when the queue is full, for 250 ms
 * at most.
 *
 * A change is recorded after its system call, perhaps much later, when other threads may have
 * mapped the same addresses again. So each change has a time, which is a growing number: it is
 * drawn before a call that unmaps, and after a call that maps. A change takes out only mappings
 * that are older.
 */
#ifndef HEAPTAP_SRC_TARGET_TABLES_MAPPINGS_H
#define HEAPTAP_SRC_TARGET_TABLES_MAPPINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "region/layout.h"
#include "target/os/hidden.h"

/* A mapping, or the part of one that is left: one range of addresses, of one site. */
struct ht_mapped {
    uint64_t start, end; /* end 0: the node is free */
    uint64_t born;       /* ht_mappings_now() of the change that made it */
    ht_ref site;
    uint32_t time;          /* s since the region's start */
    ht_ref region_record;   /* kept over reuse; 0: none yet */
    uint32_t next[6], free; /* node + 1: by level; in the list of free ones */
};

struct ht_mapping_change {
    uint64_t out_start, out_end; /* the addresses to take out; both 0: none */
    uint64_t out_before;         /* only mappings born before this */
    uint64_t in_start, in_end;   /* the mapping to put in afterwards; both 0: none */
    uint64_t born;               /* its time; older mappings in its range are taken out */
    uint64_t known_at; /* if not 0: put it in only where a mapping is recorded at this address */
    ht_ref site;       /* 0: take out, but put nothing in */
    uint32_t time;
};

/* A number larger than all that it returned before. */
uint64_t ht_mappings_now(void);

/* Makes a change, or leaves it to the thread that has the table. The region must be this process's
 * own, and no lock be held. False: the queue was full for too long, or there is no memory for it,
 * and the caller counts a loss. */
bool ht_mappings_change(const struct ht_mapping_change *c);

/* Whether anything was ever put in; relaxed. */
extern HT_HIDDEN _Atomic uint32_t ht_mappings_any;

/* Where the table and its queue keep the program's addresses. */
void ht_mappings_memory(struct ht_private_array out[2]);

/* Before a sandbox is entered: reserves memory for some thousand mappings. */
void ht_mappings_prepare(void);

/*
 * In a forked child, single-threaded, before its region is in use. The first does the changes that
 * were in the queue at the fork, without counting, and repairs the table. The second calls fn for
 * each mapping, which sets the site in the new region; a mapping whose site is then 0 is removed.
 */
void ht_mappings_adopt(void);
void ht_mappings_each(void (*fn)(struct ht_mapped *m, void *ctx), void *ctx);

/* For fn of ht_mappings_each: counts the mapping at its new site, and writes its region record. */
void ht_mappings_publish(struct ht_mapped *m);

#endif

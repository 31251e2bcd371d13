/* SPDX-License-Identifier: MIT */
/*
 * The live table: sampled objects by address. The index is private memory, so that a forked child
 * has, by copy-on-write and at no cost, exactly what was live at the fork; each record is mirrored
 * into the region for readers.
 */
#ifndef HEAPTAP_SRC_TARGET_TABLES_LIVE_H
#define HEAPTAP_SRC_TARGET_TABLES_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "region/layout.h"
#include "target/os/hidden.h"
#include "target/tables/filter.h"

/* addr is authoritative: stored last (release) on insert, cleared first on removal. The rest is
 * guarded by the lock of the shard the address hashes to. 32 bytes: two a cache line. */
struct ht_live_node {
    _Atomic uint64_t addr;
    uint64_t size;
    ht_ref site; /* 0: held so that its free stays unsized, but not accounted */
    /* The node's record in the region; kept over reuse; CAS from 0: none yet. */
    _Atomic ht_ref region_record;
    uint32_t next; /* node index + 1, in a bucket or a free list */
    uint32_t time; /* s since the region's start; HT_NODE_RECYCLABLE */
};

/* The block may be kept once it is freed (place.h). */
#define HT_NODE_RECYCLABLE (1u << 31)

struct ht_record {
    uint64_t size;
    ht_ref site;
    uint32_t time;
    uint32_t generation; /* of the region that site means */
    bool found;
    bool temporary; /* set by ht_free_begin: the block was the thread's last */
};

/* Fills the node's record in the region, making one where it has none. */
void ht_live_publish(struct ht_live_node *n);

/* Before a sandbox: memory for some thousand nodes, for none is asked for afterwards. */
void ht_live_prepare(void);

/* A node to be filled, or 0 when memory ran out. */
uint32_t ht_live_reserve(void);
void ht_live_unreserve(uint32_t node);

/* Publishes the node (0: one is found) under p, and returns it. A record already there is stale
 * (its free went past us): it is replaced and returned in *stale. 0 when the shard's lock or a node
 * could not be had: nothing was done, and the node is given back. */
uint32_t ht_live_insert(uint32_t node, const void *p, uint64_t size, ht_ref site, uint32_t time,
                        struct ht_record *stale);

/* Takes p's record out. -ENOENT when it is not there; -EBUSY when the lock was not free (the
 * free is remembered and done by ht_live_drain, or counted as lost). */
int ht_live_take(const void *p, struct ht_record *out);

/* Takes the records out that which(p, ctx) picks, which is asked under a lock of ours, and calls
 * done(p, record) for each without one. Records whose lock is not free stay. */
void ht_live_take_those(bool (*which)(const void *p, void *ctx), void *ctx,
                        void (*done)(void *p, const struct ht_record *));

/* The size with which p was allocated. False: p has no record, or the lock was not free. */
bool ht_live_size(const void *p, uint64_t *size);

/* Remembers a free, for ht_live_drain. */
void ht_live_remember(const void *p);

/* Frees remembered while a lock was held; calls done(p, record) for each. Cheap when there are
 * none. */
extern HT_HIDDEN _Atomic uint32_t ht_live_n_pending;
static inline bool ht_live_pending(void)
{
    return atomic_load_explicit(&ht_live_n_pending, memory_order_relaxed) != 0;
}
void ht_live_drain(void (*done)(void *p, const struct ht_record *record));

/* In a forked child, before anything else: rebuilds the index from the inherited nodes, whose locks
 * and lists another thread of the parent may have been changing. */
void ht_live_adopt(void);

/* Calls fn for every node that is live. Single-threaded use (adoption). */
void ht_live_each(void (*fn)(struct ht_live_node *node, void *ctx), void *ctx);

#endif

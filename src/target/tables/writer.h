/* SPDX-License-Identifier: MIT */
/*
 * The writing side of the region: chunks, and the append-only tables.
 * Everything here is lock-free or takes ht_state->grow by trying; nothing allocates; all of it may
 * be called from a malloc hook on any stack. Failure returns 0 (no reference) and the caller counts
 * it.
 */
#ifndef HEAPTAP_SRC_TARGET_TABLES_WRITER_H
#define HEAPTAP_SRC_TARGET_TABLES_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "region/layout.h"
#include "region/view.h"
#include "region/yield_point.h"
#include "target/os/hidden.h"
#include "target/state/state.h"

static inline void *ht_at(ht_ref ref)
{
    return ht_state->base + (uint64_t)ref * 8;
}

/* A zeroed record of a kind; its commit word is the caller's to store. */
ht_ref ht_record_new(enum ht_chunk_kind kind);

/* A page of records. */
ht_ref ht_page_new(enum ht_chunk_kind kind);

/* n bytes (8-aligned, n <= 4 KiB) that are reached by reference only. */
ht_ref ht_data_new(size_t n);

/*
 * The frame of a return address in a module (0: none). On first sight it is made, with the recipe
 * that recipe(pc, module) returns.
 */
ht_ref ht_frame_intern(uint64_t pc, ht_ref module, uint64_t (*recipe)(uint64_t pc, ht_ref module));

/* The live record of a node in the region: fills it, clears it. */
static inline void ht_region_record_publish(ht_ref region_record, uint64_t addr, uint64_t size,
                                            ht_ref site, uint32_t time)
{
    struct ht_live *l = ht_at(region_record);
    /* Atomic, for a reader may be looking; it sees by addr and sequence that it looked at two. */
    __atomic_store_n(&l->size, size, __ATOMIC_RELAXED);
    HT_YIELD_POINT(REGION_RECORD);
    __atomic_store_n(&l->site, site, __ATOMIC_RELAXED);
    __atomic_store_n(&l->time, time, __ATOMIC_RELAXED);
    HT_YIELD_POINT(REGION_RECORD);
    /* One writer at a time: the node's shard is locked. */
    atomic_store_explicit(&l->sequence,
                          atomic_load_explicit(&l->sequence, memory_order_relaxed) + 1,
                          memory_order_release);
    HT_YIELD_POINT(REGION_RECORD);
    atomic_store_explicit(&l->addr, addr, memory_order_release);
}

static inline void ht_region_record_clear(ht_ref region_record)
{
    if (region_record)
        atomic_store_explicit(&((struct ht_live *)ht_at(region_record))->addr, 0,
                              memory_order_release);
}

/* Before a sandbox: reserves some chunks for every kind, and puts the rest of the region in private
 * memory, so that writing to it takes no further system call. */
void ht_region_detach(void);

/* What is mapped before the first chunk, so that most regions do not grow. */
#define HT_REGION_FIRST (HT_HEADER_SIZE + 4ull * HT_CHUNK_SIZE)

/* Bytes that this process has mapped of its region; a forked child finds its parent's, and unmaps
 * so much. Relaxed. */
extern HT_HIDDEN _Atomic uint64_t ht_region_mapped;

/* The view of our own region as it is now. */
void ht_own_view(struct ht_view *v);

#endif

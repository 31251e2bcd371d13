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

/*
 * Hash of the frames from one frame to the root: h(frame, callers) = frame + K * h(callers), with
 * an odd K, so that no callers' bits are lost. 0 means unknown and stays 0; frame 0 (not shown)
 * leaves it unchanged.
 */
#define HT_STACK_SUM_NONE 1u
static inline uint64_t ht_stack_sum(uint64_t rootward, ht_ref frame)
{
    return rootward && frame ? frame + 0xd6e8feb86659fd93ULL * rootward : rootward;
}

static inline uint64_t ht_stack_hash(uint64_t sum, uint32_t n, uint32_t flags)
{
    return ht_mix(sum ^ (uint64_t)n << 56 ^ (uint64_t)flags << 48);
}

/* The stack of n frames (hash: 0 if not known), and the site of a size at a rate on it. */
ht_ref ht_stack_intern(const ht_ref *frames, uint32_t n, uint32_t flags, uint64_t hash);
ht_ref ht_site_find(ht_ref stack, uint64_t size, uint64_t rate);
ht_ref ht_site_intern(ht_ref stack, uint64_t size, uint64_t rate);

static inline _Atomic ht_ref *ht_site_hint(uint64_t stack_hash, uint64_t size)
{
    return &ht_state->sites[(stack_hash ^ size * 0x9e3779b97f4a7c15ULL) * 0xd6e8feb86659fd93ULL >>
                            (64 - HT_CACHE_BITS)];
}

/*
 * The same by the stack's hash, if there is a hint to it, or 0. Two stacks with one hash of 64 bits
 * would be taken for each other: of a million stacks with a probability of 3e-8.
 */
static inline ht_ref ht_site_known(uint64_t stack_hash, uint64_t size, uint64_t rate)
{
    ht_ref hinted = atomic_load_explicit(ht_site_hint(stack_hash, size), memory_order_acquire);
    const struct ht_site *s = ht_at(hinted);
    /* A class that got here by another size may take one that has an exact site: the sums are the
     * same. */
    if (HT_LIKELY(hinted && s->stack_hash == stack_hash && s->rate == rate && size >= s->size_low &&
                  size <= s->size_high))
        return hinted;
    return 0;
}

/* Counts an object where this thread alone writes, and signal handlers on it, whose frees count
 * inside a hook too (seen in h20): so each is one instruction. Bytes first: an object that a reader
 * sees has its bytes. */
static inline void ht_count_alone(_Atomic uint64_t *bytes, _Atomic uint64_t *objects, uint64_t size)
{
    __asm__ volatile("add %2, %0\n\taddq $1, %1" : "+m"(*bytes), "+m"(*objects) : "r"(size) : "cc");
}

static inline void ht_count_in_shard(struct ht_counter_shard *c, uint64_t size, bool alloc)
{
    if (alloc)
        ht_count_alone(&c->own.alloc_bytes, &c->own.alloc_objects, size);
    else
        ht_count_alone(&c->own.freed_bytes, &c->own.freed_objects, size);
}

/* Where the thread has no place of its own yet, or gets none. */
void ht_site_count_elsewhere(struct ht_site *s, uint64_t size, bool alloc);

/* Exact mode: counts an object of a size allocated or freed, by the thread of that thread_slot (0:
 * not known yet). */
static inline void ht_site_count(struct ht_site *s, uint32_t thread_slot, uint64_t size, bool alloc)
{
    /* Once others came, the owner counts in a cell as they do. */
    ht_ref ref = atomic_load_explicit(&s->shards, memory_order_acquire);
    if (HT_LIKELY(s->owner_slot == thread_slot && !ref)) {
        struct ht_totals *t = alloc ? &s->alloc : &s->freed;
        ht_count_alone(&t->bytes.whole, &t->objects.whole, size);
        return;
    }
    struct ht_counter_shard *c =
        (struct ht_counter_shard *)ht_at(ref) + thread_slot % HT_COUNTER_SHARDS;
    if (HT_LIKELY(ref && thread_slot &&
                  atomic_load_explicit(&c->owner_slot, memory_order_relaxed) == thread_slot))
        ht_count_in_shard(c, size, alloc);
    else
        ht_site_count_elsewhere(s, size, alloc);
}

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
extern _Atomic uint64_t ht_region_mapped;

/* The view of our own region as it is now. */
void ht_own_view(struct ht_view *v);

#endif

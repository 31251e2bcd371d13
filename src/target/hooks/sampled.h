/* SPDX-License-Identifier: MIT */
/*
 * Sampled allocations: decides whether one is sampled, chooses its place, and records it. A hook's
 * cold path calls ht_new_sample_begin, then the allocator, then ht_new_sample_commit.
 */
#ifndef HEAPTAP_SRC_TARGET_HOOKS_SAMPLED_H
#define HEAPTAP_SRC_TARGET_HOOKS_SAMPLED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/allocator/place.h"
#include "target/stack/unwind.h"
#include "target/state/state.h"
#include "target/tables/live.h"

struct ht_new_sample {
    struct ht_regs regs;
    uint64_t size, rate;
    uint32_t node;
    int saved_errno;
    bool place;      /* ask ht_new_sample_place first */
    bool recyclable; /* ht_place said that the block may be recycled */
};

/*
 * To be called when a countdown has expired: decides whether this allocation is a sample. True: the
 * thread is guarded until ht_new_sample_commit or ht_new_sample_abort. False: the caller allocates
 * as without heaptap.
 */
bool ht_new_sample_begin(struct ht_new_sample *sample, size_t size, uint64_t pc, uint64_t sp,
                         uint64_t bp);

/* A block of the sample's size at a tagged address (alignment at least `align`), or NULL. */
void *ht_new_sample_place(struct ht_new_sample *sample, size_t align);

/* Records the sample (p NULL: the allocation failed, nothing is recorded) and drops the guard.
 * Returns p. If p is not NULL, errno is unchanged. */
void *ht_new_sample_commit(struct ht_new_sample *sample, void *p);

/* Drops the guard without a sample. */
void ht_new_sample_abort(struct ht_new_sample *sample);

/* Drops the guard of a hook that is no allocation: it raised ht_tls.reentrancy_depth itself. */
void ht_guard_release(void);

/* What the caller must do: free as requested; free without the size, because the block was (or
 * may have been) placed; nothing. */
enum ht_freed { HT_FREED_NOT_OURS, HT_FREED_UNSIZED, HT_FREED_RECYCLED };

/* For p that ht_live_maybe lets pass, before the real free: takes its record out and counts it
 * as freed. */
enum ht_freed ht_free_sampled(void *p);

/*
 * The usable size to return for p, whose block has `real`. A placed block's own would make the
 * program treat samples differently: redis reallocates a string whose block is a tenth too large,
 * so samples alone went through realloc, where they are rarely drawn again.
 */
size_t ht_usable_placed(const void *p, size_t real);
static inline size_t ht_usable(const void *p, size_t real)
{
    if (HT_LIKELY(!ht_is_tagged(p) || !atomic_load_explicit(&ht_aligned, memory_order_relaxed) ||
                  !ht_live_maybe(p)))
        return real;
    return ht_usable_placed(p, real);
}

/* Takes p's record out before the real realloc. True when p was (or may have been) placed by us:
 * free it without its size. */
bool ht_free_begin(void *p, struct ht_record *out);

/* Counts a record that was taken out as freed. */
void ht_free_account(const struct ht_record *r);

/* Does the frees that were remembered while a lock was not free. In a guarded thread, or where a
 * hook of the thread may run; not in a forked child before it has adopted. */
void ht_drain(void);

/* Before an allocator frees many blocks at once, in place of a free for each: takes out the
 * records that which(p, ctx) picks (ht_live_take_those). */
void ht_free_those(bool (*which)(const void *p, void *ctx), void *ctx);

/* Puts the record back when realloc failed and the block stays alive. */
void ht_free_undo(void *p, const struct ht_record *r);

/*
 * A placed block that realloc left in place has another class than its size implies: its free must
 * stay unsized even when it is no sample any more. ht_hold_reserve, before the real call, returns a
 * node for that, or 0. ht_hold_end, after it, for a node that is not 0: puts p (of this many bytes,
 * with the flag of the record that was taken out) into the table; p NULL gives the node back.
 */
uint32_t ht_hold_reserve(void);
void ht_hold_end(uint32_t node, void *p, uint64_t size, uint32_t recyclable);

/* The same for a sample that ht_new_sample_commit will record: it must be in the table. Takes
 * the node. */
void ht_new_sample_stays(struct ht_new_sample *sample, uint32_t node, uint32_t recyclable);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The allocations that are sampled: decides whether one is, chooses where it is placed, and records
 * it. A hook's cold path calls ht_new_sample_begin, then the allocator, then ht_new_sample_commit.
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
    bool recyclable; /* it gave a block that may be recycled */
};

/*
 * When a countdown has expired: decides whether this allocation is a sample. True: the thread is
 * guarded until ht_new_sample_commit or ht_new_sample_abort. False: the caller allocates as if we
 * were not here.
 */
bool ht_new_sample_begin(struct ht_new_sample *sample, size_t size, uint64_t pc, uint64_t sp,
                         uint64_t bp);

/* A block of the sample's size at a tagged address (alignment at least `align`), or NULL. */
void *ht_new_sample_place(struct ht_new_sample *sample, size_t align);

/* Writes the sample down (p NULL: the allocation failed, nothing is written) and drops the guard.
 * Returns p; errno is the one from before when p is not NULL. */
void *ht_new_sample_commit(struct ht_new_sample *sample, void *p);

/* Drops the guard without a sample. */
void ht_new_sample_abort(struct ht_new_sample *sample);

/* What is left to do: free as asked; free it without its size, for it was (or may have been) placed
 * by us; nothing. */
enum ht_freed { HT_FREED_NOT_OURS, HT_FREED_UNSIZED, HT_FREED_RECYCLED };

/* Of a p that ht_live_maybe admits, before the real free: takes its record out and accounts it. */
enum ht_freed ht_free_sampled(void *p);

/*
 * The usable size to tell of p, whose block has `real`. That of a placed one would have the program
 * treat samples unlike the rest: redis moves a string whose block is a tenth too large, so that
 * samples alone went through realloc, and hardly one was drawn again.
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

/* Accounts a record taken out. */
void ht_free_account(const struct ht_record *r);

/* Before an allocator gives up many blocks at once, in place of a free for each: those that
 * which(p, ctx) picks (ht_live_take_those). */
void ht_free_those(bool (*which)(const void *p, void *ctx), void *ctx);

/* Puts a record back that a failed realloc leaves alive. */
void ht_free_undo(void *p, const struct ht_record *r);

/*
 * A block that was placed and that realloc left where it is has another class than its size says:
 * its free must stay unsized, though no sample lives in it. ht_hold_reserve, before the real call:
 * a node for that, or 0. ht_hold_end, after it, for a node that is not 0: holds p by it, of so many
 * bytes and with the flag of the record that was taken out; p NULL: gives it back.
 */
uint32_t ht_hold_reserve(void);
void ht_hold_end(uint32_t node, void *p, uint64_t size, uint32_t recyclable);

/* The same for a sample that ht_new_sample_commit will write down: it must be in the table. Takes
 * the node. */
void ht_new_sample_stays(struct ht_new_sample *sample, uint32_t node, uint32_t recyclable);

#endif

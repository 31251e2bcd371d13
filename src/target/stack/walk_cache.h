/* SPDX-License-Identifier: MIT */
/*
 * A cache of a thread's last walk, frame by frame. Two consecutive samples of a thread share most
 * of their stack: in gcc, a stack has 21 frames on average, of which 3 differ from the previous
 * sample's. So a walk goes on only until it meets a frame of the last walk. From there on, each
 * stack word that the last walk used is compared with its present value, and the cached frames are
 * taken over.
 *
 * The entry of a frame holds the state of the walk there (pc, sp, and rbp where it matters) and how
 * the walk went on. When the state and the words it used are the same, everything that follows is
 * the same too.
 */
#ifndef HEAPTAP_SRC_TARGET_STACK_WALK_CACHE_H
#define HEAPTAP_SRC_TARGET_STACK_WALK_CACHE_H

#include <stdint.h>

#include "cfi/cfi.h"
#include "target/stack/stack_range.h"
#include "target/stack/unwind.h"
#include "target/state/state.h"

/* How a walk went on from a frame to its caller. */
enum {
    HT_VIA_REWALK, /* by more than stack words: the walk must go on from here */
    HT_VIA_NONE,   /* not at all: the stack ends here */
    HT_VIA_RA,     /* by the return address alone */
    HT_VIA_RA_RBP  /* this and above: by the saved rbp too, at sp + 8 * (via - HT_VIA_RA_RBP) */
};

/* Flags that a walk records for each frame; ht_walk_recorder_finish computes `bp_matters` from
 * them. The first two are bits of a common recipe. */
enum { HT_BP_USED = HT_RECIPE_BY_RBP, HT_BP_LOADED = HT_RECIPE_LOADS, HT_BP_LOST = 0x20 };

/* Records one walk, and searches the cached last walk for a frame to continue from. */
struct ht_walk_recorder {
    struct ht_walk_cache *cache; /* NULL: neither */
    struct ht_walk_cache_frame
        *last; /* the frame recorded last; those behind it are this walk's too */
    struct ht_walk_cache_frame
        *next;   /* of the last walk: it and those before it may still be met */
    uint64_t hi; /* end of the recorded stack */
    bool on;     /* recording: the walk is on this stack, and there is room */
    bool whole;  /* recording began at the leaf */
    bool joined; /* the rest of the stack is what the last walk has up to `next` */
    bool hidden; /* a frame does not show */
};

/* The walk cache of the thread with this number, for this thread alone until it is released; NULL:
 * none is free. */
struct ht_walk_cache *ht_walk_cache_take(uint32_t thread_slot, uint64_t rate);
void ht_walk_cache_release(struct ht_walk_cache *t);

/* Whether the stack words by which the walk went on from e to its caller (e - 1) are unchanged.
 * e->via must be HT_VIA_RA or above. All loads lie between e's sp and the end of the stack. */
static inline bool ht_walk_cache_entry_valid(const struct ht_walk_cache_frame *e)
{
    const struct ht_walk_cache_frame *up = e - 1;
    if (ht_load(up->sp - 8) != up->pc)
        return false;
    if (HT_LIKELY(e->via == HT_VIA_RA))
        return true;
    return ht_load(e->sp + 8 * (uint64_t)(e->via - HT_VIA_RA_RBP)) == up->bp;
}

/* Begins a walk at a place on the thread's stack, which ends at hi, or (own false) on another
 * stack. */
static inline void ht_walk_recorder_begin(struct ht_walk_recorder *c, struct ht_walk_cache *t,
                                          bool own, uint64_t hi, uint32_t generation)
{
    c->cache = t;
    c->on = c->whole = c->joined = c->hidden = false;
    c->last = c->next = NULL;
    if (!t)
        return;
    c->on = c->whole = own;
    c->hi = own ? hi : ht_tls.stack_hi;
    c->last = &t->frames[HT_WALK_CACHE_FRAMES];
    c->next = &t->frames[t->generation == generation && t->hi == c->hi ? t->n : 0];
    t->frames[0].sp = UINT64_MAX;
    t->n = 0; /* until the new walk is complete: recording overwrites the old entries */
}

/* Moves *next to the last walk's first frame at or above sp. True: that frame is in the same
 * state. */
static inline __attribute__((always_inline)) bool
ht_walk_recorder_match(struct ht_walk_cache_frame **next, uint64_t pc, uint64_t sp, uint64_t bp)
{
    struct ht_walk_cache_frame *e = *next;
    for (; e->sp <= sp; e--)
        if (e->sp == sp && e->pc == pc && (!e->bp_matters || e->bp == bp))
            break;
    *next = e;
    return e->sp == sp;
}

/*
 * Returns true when the recorder is full. Recording may overwrite entries of the previous walk
 * that have not been compared yet. That is safe: the new entries have a lower sp, so the search
 * skips them; only a possible match is lost.
 */
static inline bool ht_walk_recorder_full(const struct ht_walk_recorder *c)
{
    return c->last == c->cache->frames + 1;
}

static inline void ht_record_at(struct ht_walk_cache_frame *e, const struct ht_regs *r,
                                ht_ref frame, uint32_t via, uint32_t noted)
{
    e->pc = r->pc;
    e->sp = r->sp;
    e->bp = r->bp;
    e->frame = frame;
    e->via = (uint16_t)via;
    e->noted = (uint8_t)noted;
}

/* Records the frame at a state (0: a hidden one). The walk is assumed to go on from it. */
static inline void ht_record_frame(struct ht_walk_recorder *c, const struct ht_regs *r,
                                   ht_ref frame)
{
    if (!c->on)
        return;
    if (HT_UNLIKELY(ht_walk_recorder_full(c))) {
        c->on = c->whole = false;
        return;
    }
    c->hidden |= !frame;
    ht_record_at(--c->last, r, frame, HT_VIA_REWALK, 0);
}

/* Records how the walk went on from the state recorded last: by the return address, and how it
 * used rbp: HT_BP_*; for HT_BP_LOADED the address where it was. */
static inline void ht_record_step(struct ht_walk_recorder *c, unsigned bp, uint64_t bp_at)
{
    if (!c->on)
        return;
    uint64_t from_sp = bp_at - c->last->sp;
    c->last->noted = (uint8_t)bp;
    if (!(bp & HT_BP_LOADED))
        c->last->via = HT_VIA_RA;
    else if (from_sp / 8 < HT_WALK_CACHE_SPAN && !(from_sp & 7))
        c->last->via = (uint16_t)(HT_VIA_RA_RBP + from_sp / 8);
}

/* Records that the stack ends at the frame recorded last. */
static inline void ht_record_end(struct ht_walk_recorder *c)
{
    if (c->on)
        c->last->via = HT_VIA_NONE;
}

/* The walk is on this stack from here on, or (own false) on another one. */
static inline void ht_walk_recorder_moved(struct ht_walk_recorder *c, bool own, uint64_t hi)
{
    c->on = c->cache && own && hi == c->hi;
    c->whole = c->whole && c->on;
}

/*
 * The walk is at r, in the state of c->next: reuses the last walk's frames as far as they are still
 * valid. They are stored in `frames`, from *n on, at most up to max; *r moves to where walking must
 * continue. True: the stack is complete.
 */
bool ht_walk_cache_splice(struct ht_walk_recorder *c, struct ht_regs *r, ht_ref *frames,
                          uint32_t *n, uint32_t max);

/* Stores the recorded walk, of n frames and with these HT_STACK_* flags, as the thread's last walk.
 * Returns the hash of the stack, or 0 when the stack words alone do not determine it. */
uint64_t ht_walk_recorder_finish(struct ht_walk_recorder *c, uint32_t n, uint32_t flags,
                                 uint32_t generation);

#endif

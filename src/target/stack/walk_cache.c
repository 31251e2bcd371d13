/* SPDX-License-Identifier: MIT */
/*
 * Reuses frames of the last walk while the words that they depend on are unchanged, and stores a
 * walk's new frames before them.
 */
#include "config.h"

#include "target/stack/walk_cache.h"

#include "region/yield_point.h"
#include "target/state/state.h"
#include "target/tables/stacks.h"

struct ht_walk_cache *ht_walk_cache_take(uint32_t thread_slot, uint64_t rate)
{
    /* No two living threads have the same number. */
    if (HT_LIKELY(rate <= HT_SMALL_RATE && thread_slot - 1 < HT_WALK_CACHES_OWN))
        return &ht_state->walk_caches[HT_WALK_CACHES_FEW + thread_slot - 1];
    uint32_t i = rate <= HT_SMALL_RATE
                     ? HT_WALK_CACHES_FEW + HT_WALK_CACHES_OWN + thread_slot % HT_WALK_CACHES_SHARED
                     : thread_slot % HT_WALK_CACHES_FEW;
    struct ht_walk_cache *t = &ht_state->walk_caches[i];
    HT_YIELD_POINT(WALK_CACHE);
    return atomic_exchange_explicit(&t->busy, 1, memory_order_acquire) ? NULL : t;
}

void ht_walk_cache_release(struct ht_walk_cache *t)
{
    HT_YIELD_POINT(WALK_CACHE);
    atomic_store_explicit(&t->busy, 0, memory_order_release);
}

/* The depth is reached within the last walk, of which the rest holds as much as before. */
static bool cut(struct ht_walk_recorder *c, uint32_t *n, uint32_t max)
{
    *n = max;
    c->joined = true;
    c->on = false;
    return false;
}

/* Reuses frames from `e` on while the words that they depend on are unchanged. Returns the first
 * entry that was not passed, or NULL at the maximal depth. all: no frame is hidden, and there is
 * room for every one. */
static inline __attribute__((always_inline)) struct ht_walk_cache_frame *
follow(struct ht_walk_cache_frame *e, ht_ref **to, const ht_ref *end, bool all)
{
    for (; e->via > HT_VIA_NONE; e--) {
        if (!all && *to == end)
            return NULL;
        **to = e->frame;
        *to += all || e->frame;
        if (!ht_walk_cache_entry_valid(e))
            break;
    }
    return e;
}

bool ht_walk_cache_splice(struct ht_walk_recorder *c, struct ht_regs *r, ht_ref *frames,
                          uint32_t *n, uint32_t max)
{
    struct ht_walk_cache_frame *const met = c->next, *e;
    ht_ref *to = frames + *n, *end = frames + max;
    if (HT_LIKELY(!c->cache->hidden && met - c->cache->frames <= end - to))
        e = follow(met, &to, end, true);
    else
        e = follow(met, &to, end, false);
    if (HT_UNLIKELY(!e))
        return cut(c, n, max);
    if (e->via > HT_VIA_NONE) {
        c->next = e - 1;
        return false;
    }
    if (HT_UNLIKELY(to == end && e->pc)) /* pc 0 is no frame: the end itself */
        return cut(c, n, max);
    if (HT_LIKELY(e->via == HT_VIA_NONE)) {
        if (e->frame)
            *to++ = e->frame;
        *n = (uint32_t)(to - frames);
        c->joined = true;
        return true;
    }
    /* From here on the stack must be walked. The reused entries belong to this walk now. They
     * fit, since they were found after the recorded ones. */
    *n = (uint32_t)(to - frames);
    *r = (struct ht_regs){e->pc, e->sp, e->bp};
    for (const struct ht_walk_cache_frame *from = met; from > e; from--)
        *--c->last = *from;
    c->next = e - 1;
    c->hidden |= c->cache->hidden;
    return false;
}

/* Completes an entry from its caller's: the sum of the stack up to it, and whether rbp matters. */
static inline void complete(struct ht_walk_cache_frame *e)
{
    const struct ht_walk_cache_frame *up = e - 1;
    if (HT_UNLIKELY(e->via <= HT_VIA_NONE)) {
        e->bp_matters = e->via == HT_VIA_REWALK;
        e->sum = e->bp_matters ? 0 : ht_stack_sum(HT_STACK_SUM_NONE, e->frame);
        return;
    }
    e->sum = ht_stack_sum(up->sum, e->frame);
    e->bp_matters = e->noted & HT_BP_USED;
    if (!up->bp_matters) {
        e->via = HT_VIA_RA;
    } else if (!(e->noted & (HT_BP_LOADED | HT_BP_LOST))) {
        e->bp_matters = true;
    } else if ((e->noted & HT_BP_LOADED) && e->via == HT_VIA_RA) {
        e->via = HT_VIA_REWALK; /* where rbp came from did not matter, and is not known any more */
        e->bp_matters = true;
        e->sum = 0;
    }
}

uint64_t ht_walk_recorder_finish(struct ht_walk_recorder *c, uint32_t n, uint32_t flags,
                                 uint32_t generation)
{
    struct ht_walk_cache *t = c->cache;
    struct ht_walk_cache_frame *e = c->joined ? c->next + 1 : t->frames + 1;
    const struct ht_walk_cache_frame *from = c->last, *end = t->frames + HT_WALK_CACHE_FRAMES;
    if (!c->joined) {
        t->hidden = false;
        if (from < end && from->via != HT_VIA_NONE)
            c->last->via = HT_VIA_REWALK;
    }
    t->hidden |= c->hidden;
    for (; from < end; from++, e++) {
        HT_YIELD_POINT(WALK_CACHE);
        *e = *from;
        complete(e);
    }
    t->n = (uint32_t)(e - t->frames) - 1;
    t->generation = generation;
    t->hi = c->hi;
    if (HT_UNLIKELY(flags || !c->whole || !t->n || !e[-1].sum))
        return 0;
    return ht_stack_hash(e[-1].sum, n, 0);
}

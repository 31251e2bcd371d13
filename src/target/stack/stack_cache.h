/* SPDX-License-Identifier: MIT */
/*
 * Whole stacks that came twice in a row to the same pc and sp, of all threads. In a program that
 * alternates between a few stacks each of them is here, while the last walk (walk_cache.h) is
 * always another one's.
 */
#ifndef HEAPTAP_SRC_TARGET_STACK_STACK_CACHE_H
#define HEAPTAP_SRC_TARGET_STACK_STACK_CACHE_H

#include <stdint.h>

#include "region/yield_point.h"
#include "target/stack/unwind.h"
#include "target/stack/walk_cache.h"
#include "target/state/state.h"
#include "util/hash.h"

static inline struct ht_stack_cache_entry *ht_stack_cache_slot(uint64_t pc, uint64_t sp)
{
    return &ht_state->stack_cache[(pc ^ sp << 17) * HT_GOLDEN_RATIO >> (64 - HT_STACK_CACHE_BITS)];
}

/*
 * Returns true if all saved stack words are unchanged. Each offset is checked against this entry's
 * stamp before it is dereferenced: an offset from another thread's entry could point into a guard
 * page.
 */
static inline bool ht_words_hold(const struct ht_stack_cache_entry *m, uint64_t stamp, uint32_t n,
                                 uint64_t sp, uint64_t last)
{
    for (uint32_t i = 0; i < n; i++) {
        uint64_t at = __atomic_load_n(&m->offsets[i], __ATOMIC_ACQUIRE);
        HT_YIELD_POINT(STACK_CACHE);
        if (at > last || atomic_load_explicit(&m->stamp, memory_order_relaxed) != stamp ||
            ((const uint64_t *)sp)[at] != HT_LOAD_RELAXED(m->words[i]))
            return false;
    }
    return true;
}

/* The stack that was found at r the last time, if all words that it depends on are unchanged;
 * otherwise 0. *hash: its hash. */
static inline ht_ref ht_stack_cache_lookup(const struct ht_regs *r, uint32_t generation,
                                           uint64_t *hash)
{
    const struct ht_stack_cache_entry *m = ht_stack_cache_slot(r->pc, r->sp);
    uint64_t stamp = atomic_load_explicit(&m->stamp, memory_order_acquire);
    if (HT_LOAD_RELAXED(m->pc) != r->pc || HT_LOAD_RELAXED(m->sp) != r->sp || (stamp & 1) ||
        stamp >> 32 != generation || r->sp < ht_tls.stack_lo || r->sp >= ht_tls.stack_hi)
        return 0;
    if (HT_LOAD_RELAXED(m->bp_used) && HT_LOAD_RELAXED(m->bp) != r->bp)
        return 0;
    uint32_t n = HT_LOAD_RELAXED(m->n_words);
    if (!n || n > HT_STACK_CACHE_WORDS ||
        !ht_words_hold(m, stamp, n, r->sp, (ht_tls.stack_hi - r->sp) / 8 - 1))
        return 0;
    HT_YIELD_POINT(STACK_CACHE);
    *hash = HT_LOAD_RELAXED(m->hash);
    ht_ref stack = HT_LOAD_RELAXED(m->stack);
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&m->stamp, memory_order_relaxed) == stamp ? stack : 0;
}

/* Offers the walk in t, which was of this stack. Its words are kept if the previous walk from
 * this place was of it, too. */
void ht_stack_cache_insert(const struct ht_walk_cache *t, uint64_t hash, ht_ref stack);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The tables of stacks and of their sites. Any thread, and signal handlers; nothing allocates. 0:
 * memory is out, or a lock could not be had (ht_tls.lock_refused), and the caller counts it.
 */
#ifndef HEAPTAP_SRC_TARGET_TABLES_STACKS_H
#define HEAPTAP_SRC_TARGET_TABLES_STACKS_H

#include <stdbool.h>
#include <stdint.h>

#include "target/state/state.h"
#include "target/tables/writer.h"
#include "util/hash.h"

/*
 * Hash of the frames from one frame to the root: h(frame, callers) = frame + K * h(callers), with
 * an odd K, so that no callers' bits are lost. 0 means unknown and stays 0; frame 0 (not shown)
 * leaves it unchanged.
 */
#define HT_STACK_SUM_NONE 1u
static inline uint64_t ht_stack_sum(uint64_t rootward, ht_ref frame)
{
    return rootward && frame ? frame + HT_MIX_FACTOR * rootward : rootward;
}

static inline uint64_t ht_stack_hash(uint64_t sum, uint32_t n, uint32_t flags)
{
    return ht_mix(sum ^ (uint64_t)n << 56 ^ (uint64_t)flags << 48);
}

/* The stack of n frames (hash: 0 if not known), and the site on it of a size at a rate with a set
 * of labels (its number; 0: none). */
ht_ref ht_stack_intern(const ht_ref *frames, uint32_t n, uint32_t flags, uint64_t hash);
/* For fold.c: a stack without sites is no longer found. False: its lock was not free. */
bool ht_stack_detach(ht_ref stack);
ht_ref ht_site_find(ht_ref stack, uint64_t size, uint64_t rate, uint32_t labels);
ht_ref ht_site_intern(ht_ref stack, uint64_t size, uint64_t rate, uint32_t labels);

/* Whether a stack that was remembered is still the one of that hash. */
static inline bool ht_stack_is(ht_ref stack, uint64_t hash)
{
    const struct ht_stack *s = ht_at(stack);
    return atomic_load_explicit(&s->commit, memory_order_acquire) == HT_COMMITTED &&
           s->hash == hash;
}

/* Whether a size is of the site's class. */
static inline bool ht_site_holds(const struct ht_site *s, uint64_t size)
{
    return !((size - s->size_low) >> (s->size_bits & 63));
}

static inline _Atomic ht_ref *ht_site_hint(uint64_t stack_hash, uint64_t size, uint32_t labels)
{
    const uint64_t h =
        (stack_hash ^ (size + ((uint64_t)labels << 48)) * HT_GOLDEN_RATIO) * HT_MIX_FACTOR;
    return &ht_state->sites[h >> (64 - HT_CACHE_BITS) &
                            atomic_load_explicit(&ht_state->sites_use.mask, memory_order_relaxed)];
}

/*
 * The same by the stack's hash, if there is a hint to it, or 0. Two stacks with one hash of 64 bits
 * would be taken for each other: of a million stacks with a probability of 3e-8.
 */
static inline ht_ref ht_site_known(uint64_t stack_hash, uint64_t size, uint64_t rate,
                                   uint32_t labels)
{
    ht_ref hinted =
        atomic_load_explicit(ht_site_hint(stack_hash, size, labels), memory_order_acquire);
    const struct ht_site *s = ht_at(hinted); /* of 0: the region's header, whatever it says */
    /* A class that got here by another size may take one that has an exact site: the sums are the
     * same. */
    if (HT_LIKELY(atomic_load_explicit(&s->commit, memory_order_acquire) == HT_COMMITTED &&
                  s->stack_hash == stack_hash && s->rate == rate && s->labels == labels &&
                  ht_site_holds(s, size)))
        return hinted;
    return 0;
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * An entry is filled on the second walk from a place, because most places are walked from once. A
 * writer that finds another one at work gives up.
 */
#include "config.h"

#include "target/stack/stack_cache.h"

#include "region/yield_point.h"

/* Makes the stamp odd. False: another thread is writing an entry, which serves as well. */
static bool write_begin(_Atomic uint64_t *stamp, uint64_t *was)
{
    *was = atomic_load_explicit(stamp, memory_order_relaxed);
    if ((*was & 1) || !atomic_compare_exchange_strong_explicit(
                          stamp, was, *was | 1, memory_order_acq_rel, memory_order_relaxed))
        return false;
    atomic_thread_fence(memory_order_release);
    HT_YIELD_POINT(STACK_CACHE);
    return true;
}

static void write_end(_Atomic uint64_t *stamp, uint64_t was, uint32_t generation)
{
    atomic_store_explicit(stamp, (uint64_t)generation << 32 | (uint32_t)(was + 2),
                          memory_order_release);
}

/* Adds one word; HT_STACK_CACHE_TOO_LONG when there is no room for it, or it is too far away. */
static uint32_t add_word(struct ht_stack_cache_entry *m, uint32_t n, uint64_t sp, uint64_t at,
                         uint64_t word)
{
    uint64_t offset = (at - sp) / 8;
    if (n >= HT_STACK_CACHE_WORDS || offset > UINT16_MAX)
        return HT_STACK_CACHE_TOO_LONG;
    HT_STORE_RELAXED(m->offsets[n], (uint16_t)offset);
    HT_YIELD_POINT(STACK_CACHE);
    HT_STORE_RELAXED(m->words[n], word);
    return n + 1;
}

static uint32_t add_words(struct ht_stack_cache_entry *m, const struct ht_walk_cache_frame *e)
{
    uint64_t sp = e->sp;
    uint32_t n = 0;
    for (; e->via > HT_VIA_NONE; e--) {
        const struct ht_walk_cache_frame *up = e - 1;
        n = add_word(m, n, sp, up->sp - 8, up->pc);
        if (e->via != HT_VIA_RA)
            n = add_word(m, n, sp, e->sp + 8 * (uint64_t)(e->via - HT_VIA_RA_RBP), up->bp);
    }
    return n;
}

void ht_stack_cache_insert(const struct ht_walk_cache *t, uint64_t hash, ht_ref stack)
{
    const struct ht_walk_cache_frame *top = &t->frames[t->n];
    struct ht_stack_cache_entry *m = ht_stack_cache_slot(top->pc, top->sp);
    bool again = HT_LOAD_RELAXED(m->pc) == top->pc && HT_LOAD_RELAXED(m->sp) == top->sp &&
                 HT_LOAD_RELAXED(m->stack) == stack;
    uint64_t was;
    if ((again && HT_LOAD_RELAXED(m->n_words) == HT_STACK_CACHE_TOO_LONG) ||
        !write_begin(&m->stamp, &was))
        return;
    HT_STORE_RELAXED(m->pc, top->pc);
    HT_STORE_RELAXED(m->sp, top->sp);
    HT_STORE_RELAXED(m->bp, top->bp);
    HT_STORE_RELAXED(m->bp_used, top->bp_matters);
    HT_YIELD_POINT(STACK_CACHE);
    HT_STORE_RELAXED(m->hash, hash);
    HT_STORE_RELAXED(m->stack, stack);
    HT_STORE_RELAXED(m->n_words, (uint8_t)(again ? add_words(m, top) : 0));
    write_end(&m->stamp, was, t->generation);
}

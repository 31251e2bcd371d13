/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <string.h>

#include "preload/memo.h"
#include "preload/state.h"
#include "preload/unwind.h"
#include "preload/writer.h"

/* Below this rate stacks are remembered: above, samples are too rare to find themselves again. */
#define MEMO_MAX_RATE 4096u

static struct ht_memo *memo_of(const struct ht_regs *r)
{
    return &ht_state->memos[ht_mix(r->pc ^ (r->sp << 16)) >> (64 - HT_MEMO_BITS)];
}

/* The stack that r had the last time, if every word that was read then is still there. Words are
 * loaded from the thread's own stack only, whatever a torn entry says. */
static ht_ref recall(const struct ht_regs *r)
{
    struct ht_memo *m = memo_of(r);
    uint32_t before = atomic_load_explicit(&m->sequence, memory_order_acquire);
    if ((before & 1) || m->pc != r->pc || m->sp != r->sp || (m->bp_used && m->bp != r->bp) ||
        m->generation != atomic_load_explicit(&ht_unload_generation, memory_order_relaxed))
        return 0;
    HT_PAUSE(MEMO);
    uint64_t span = ht_tls.stack_hi - r->sp;
    uint32_t n = m->n < HT_MEMO_WORDS ? m->n : HT_MEMO_WORDS;
    if (r->sp < ht_tls.stack_lo || r->sp >= ht_tls.stack_hi || span < 8)
        return 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = m->offsets[i];
        if (at > span - 8 || *(const uint64_t *)(r->sp + at) != m->words[i])
            return 0;
    }
    HT_PAUSE(MEMO);
    ht_ref stack = m->stack;
    HT_PAUSE(MEMO);
    if (HT_UNLIKELY(m->flags & (HT_STACK_TRUNCATED | HT_STACK_DEPTH)))
        ht_count(&ht_state->header->truncated, 1);
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&m->sequence, memory_order_relaxed) == before ? stack : 0;
}

static void keep(const struct ht_regs *r, const struct ht_trace *trace, ht_ref stack,
                 uint32_t flags, uint32_t generation)
{
    struct ht_memo *m = memo_of(r);
    uint32_t s = atomic_load_explicit(&m->sequence, memory_order_relaxed);
    HT_PAUSE(MEMO);
    if ((s & 1) || !atomic_compare_exchange_strong_explicit(&m->sequence, &s, s + 1,
                                                            memory_order_acq_rel,
                                                            memory_order_relaxed))
        return;
    atomic_thread_fence(memory_order_release);
    HT_PAUSE(MEMO);
    m->pc = r->pc;
    m->sp = r->sp;
    m->bp = r->bp;
    HT_PAUSE(MEMO);
    m->bp_used = trace->bp_used;
    m->n = trace->n;
    m->flags = flags;
    m->generation = generation;
    m->stack = stack;
    HT_PAUSE(MEMO);
    memcpy(m->offsets, trace->offsets, trace->n * sizeof *trace->offsets);
    HT_PAUSE(MEMO);
    memcpy(m->words, trace->words, trace->n * sizeof *trace->words);
    HT_PAUSE(MEMO);
    atomic_store_explicit(&m->sequence, s + 2, memory_order_release);
}

static inline __attribute__((always_inline)) ht_ref walk(const struct ht_regs *r, ht_ref *frames,
                                                         struct ht_trace *trace)
{
    uint32_t generation = atomic_load_explicit(&ht_unload_generation, memory_order_relaxed);
    uint32_t flags, n = ht_unwind(*r, frames, ht_config.depth, &flags, trace);
    if (!n)
        return 0;
    if (flags & (HT_STACK_TRUNCATED | HT_STACK_DEPTH))
        ht_count(&ht_state->header->truncated, 1);
    ht_ref stack = ht_stack_intern(frames, n, flags);
    if (trace && stack && trace->usable)
        keep(r, trace, stack, flags, generation);
    return stack;
}

/* What a walk needs of the program's stack is little where the depth is the usual one (HAZARDS 9). */
#define USUAL_DEPTH 128

static __attribute__((noinline)) ht_ref walk_usual(const struct ht_regs *r)
{
    ht_ref frames[USUAL_DEPTH];
    return walk(r, frames, NULL);
}

static __attribute__((noinline)) ht_ref walk_deep(const struct ht_regs *r)
{
    ht_ref frames[HT_MAX_DEPTH];
    return walk(r, frames, NULL);
}

static __attribute__((noinline)) ht_ref walk_usual_traced(const struct ht_regs *r)
{
    ht_ref frames[USUAL_DEPTH];
    struct ht_trace trace;
    return walk(r, frames, &trace);
}

static __attribute__((noinline)) ht_ref walk_deep_traced(const struct ht_regs *r)
{
    ht_ref frames[HT_MAX_DEPTH];
    struct ht_trace trace;
    return walk(r, frames, &trace);
}

static ht_ref walked(const struct ht_regs *r, bool memo)
{
    if (ht_config.depth > USUAL_DEPTH)
        return memo ? walk_deep_traced(r) : walk_deep(r);
    return memo ? walk_usual_traced(r) : walk_usual(r);
}

ht_ref ht_stack_of(const struct ht_regs *regs, uint64_t rate)
{
    bool memo = rate <= MEMO_MAX_RATE;
    ht_ref stack = memo ? recall(regs) : 0;
    return stack ? stack : walked(regs, memo);
}

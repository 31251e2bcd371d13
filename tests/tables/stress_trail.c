/* SPDX-License-Identifier: MIT */
/*
 * A thread's last walk, and whole stacks: each recalled as it would be walked without. What is walked is
 * made up: levels of words whose meaning is told by where they lie, and by rbp. Some threads have a trail of
 * their own, others one between them, and whole stacks of all are in four slots.
 */
#include "config.h"

#include <string.h>

#include "stress.h"
#include "target/stack/stack_cache.h"
#include "target/stack/walk_cache.h"

enum { LEVELS = 40, WORDS = 4, CALLS = 40000, FEW = 5000 /* a rate at which trails are shared */ };

/* Of a level: a word that nothing is noted of, one that is not looked at, the saved rbp, the return address. */
static uint64_t fake[THREADS][LEVELS * WORDS + 1];
static uint32_t meaning; /* of all code; another after a dlclose */
static atomic_ulong joins, wholes, breaks, cuts;

struct stack {
    ht_ref frames[LEVELS];
    uint32_t n, flags;
    uint64_t hash; /* 0: words do not tell it all */
};

static uint64_t end_of(unsigned thread)
{
    return (uint64_t)&fake[thread][LEVELS * WORDS];
}

/* What code at pc does: its frame, and how it is left. */
static ht_ref frame_of(uint64_t pc)
{
    return pc % 8 == 5 ? 0 : (ht_ref)(pc * 8 + meaning % 8 + 1);
}

static uint64_t step(struct ht_regs *r, unsigned thread, struct ht_walk_recorder *c)
{
    const uint64_t *w = (const uint64_t *)r->sp;
    bool by_rbp = r->pc % 3 == 0, loads = r->pc % 2, lost = r->pc % 7 == 0, more = r->pc == 11;
    uint64_t up = 1 + (by_rbp ? r->bp % 2 : 0) + (more ? w[0] % 2 : 0), at = r->sp + 16;
    uint64_t left = (end_of(thread) - r->sp) / (WORDS * 8);
    uint64_t cfa = r->sp + WORDS * 8 * (up < left ? up : left);
    unsigned noted = (by_rbp ? HT_BP_USED : 0) | (loads ? HT_BP_LOADED : lost ? HT_BP_LOST : 0);
    if (c && !more)
        ht_record_step(c, noted, at);
    *r = (struct ht_regs){*(const uint64_t *)(cfa - 8), cfa, loads ? w[2] : lost ? 0 : r->bp};
    return r->pc;
}

/* As unwind() of unwind.c. give_up: before it is kept. */
static void walk(struct ht_regs r, unsigned thread, uint32_t max, struct ht_walk_cache *t,
                 bool give_up, struct stack *s)
{
    struct ht_walk_recorder c;
    uint32_t generation = atomic_load(&ht_unload_generation);
    s->n = s->flags = 0;
    ht_walk_recorder_begin(&c, t, true, end_of(thread), generation);
    for (;;) {
        if (c.on && ht_walk_recorder_match(&c.next, r.pc, r.sp, r.bp)) {
            uint64_t from = r.sp;
            atomic_fetch_add(&joins, 1);
            if (ht_walk_cache_splice(&c, &r, s->frames, &s->n, max))
                break;
            if (r.sp != from)
                atomic_fetch_add(&breaks, 1);
        }
        if (s->n == max) {
            s->flags = HT_STACK_DEPTH;
            atomic_fetch_add(&cuts, 1);
            break;
        }
        ht_ref f = frame_of(r.pc);
        ht_record_frame(&c, &r, f);
        if (f)
            s->frames[s->n++] = f;
        bool last = r.sp + WORDS * 8 >= end_of(thread);
        if (last && r.pc % 5 == 0) { /* as code that never returns */
            ht_record_end(&c);
            break;
        }
        step(&r, thread, &c);
        if (!r.pc || r.sp >= end_of(thread)) { /* as a return address of 0 */
            r.pc = 0;
            ht_record_frame(&c, &r, 0);
            ht_record_end(&c);
            break;
        }
    }
    s->hash = t && !give_up ? ht_walk_recorder_finish(&c, s->n, s->flags, generation) : 0;
}

static uint64_t hash_of(const struct stack *s)
{
    uint64_t sum = HT_STACK_SUM_NONE;
    for (uint32_t i = s->n; i--;)
        sum = ht_stack_sum(sum, s->frames[i]);
    return ht_stack_hash(sum, s->n, s->flags);
}

/* In place of a stack's reference. */
static ht_ref number_of(const struct stack *s)
{
    return (ht_ref)(hash_of(s) >> 40) + 1;
}

static void recall(unsigned thread, const struct ht_regs *r, uint32_t max, struct ht_walk_cache *t)
{
    struct stack want, got;
    walk(*r, thread, max, NULL, false, &want);
    uint64_t hash;
    ht_ref whole =
        max == LEVELS ? ht_stack_cache_lookup(r, atomic_load(&ht_unload_generation), &hash) : 0;
    if (whole) {
        atomic_fetch_add(&wholes, 1);
        CHECK(hash == hash_of(&want) && whole == number_of(&want),
              "a cached walk has the hash and the number of the stack walked");
        return;
    }
    walk(*r, thread, max, t, ht_next_random() % 16 == 0, &got);
    CHECK(got.n == want.n && !memcmp(got.frames, want.frames, want.n * sizeof(ht_ref)),
          "a spliced stack has the frames of the stack walked");
    CHECK(got.flags == want.flags && (!got.hash || got.hash == hash_of(&want)),
          "a spliced stack has the flags and the hash of the stack walked");
    if (got.hash)
        ht_stack_cache_insert(t, got.hash, number_of(&got));
}

static void recall_stacks(unsigned thread)
{
    uint64_t *words = fake[thread], at = 0;
    ht_tls.stack_lo = (uint64_t)words;
    ht_tls.stack_hi = end_of(thread);
    for (unsigned i = 0; i < CALLS; i++) {
        if (i % 4000 == 0) {
            ht_together();
            if (thread == 0) {
                meaning++;
                atomic_fetch_add(&ht_unload_generation, 1);
            }
            ht_together();
        }
        uint64_t x = ht_next_random();
        for (unsigned k = 0; k < 2 && (x >> (50 + k) & 1); k++) {
            uint64_t y = ht_next_random(); /* mostly near the leaf, as calls are */
            words[(y >> 20) % (y & 3 ? 6 : LEVELS) * WORDS + (y >> 32) % WORDS] =
                1 + (y >> 40) % 24;
        }
        if (!(x >> 40 & 3)) /* some whose whole stack finds room, more often than not */
            at = (x >> 8) % 4 + (x >> 12 & 3 ? 22 : 0);
        struct ht_regs r = {1 + at * 5 % 24, (uint64_t)&words[at * WORDS], 1 + (x >> 24) % 2};
        bool shared = thread % 2 || (x >> 30 & 7) == 0;
        struct ht_walk_cache *t = ht_walk_cache_take(thread + 1, shared ? FEW : 1);
        if (!t)
            continue; /* another thread has it */
        recall(thread, &r, (x >> 44 & 7) ? LEVELS : 6 + (uint32_t)(x >> 16) % 8, t);
        ht_walk_cache_release(t);
    }
}

void stress_trail(void)
{
    for (unsigned t = 0; t < THREADS; t++)
        for (unsigned i = 0; i < LEVELS * WORDS; i++)
            fake[t][i] = 1 + (i * 7 + t) % 24;
    ht_crowd(recall_stacks, NULL);
    /* Some are recalled: else there is nothing to see. */
    CHECK(joins > CALLS && wholes > CALLS / 50 && breaks > CALLS / 50 && cuts > CALLS / 50,
          "each kind of splice was seen often enough");
}

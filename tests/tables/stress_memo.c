/* SPDX-License-Identifier: MIT */
/*
 * Remembered stacks, in parts and whole: all threads' in a few slots, each recalled as it would be
 * walked. What is walked is made up: levels of words whose meaning is told by where they lie.
 */
#include "config.h"

#include <string.h>

#include "preload/segment.h"
#include "stress.h"

enum { LEVELS = 12, WORDS = 4, KEYS = 3, CALLS = 40000, SHIFT = 62 /* four slots for all segments */ };

/* Of a level: a word that tells its frame, one that is not looked at, the saved rbp, the return address. Few
 * values, so that what another thread wrote into a slot fits ours but for the frames it names. */
static uint64_t fake[THREADS][LEVELS * WORDS + 1];
static uint64_t pcs[THREADS][KEYS];
static uint32_t meaning; /* of all code; another after a dlclose */
static atomic_ulong pieces, wholes;

struct stack {
    ht_ref frames[LEVELS + HT_SEGMENT_FRAMES];
    uint32_t n;
    struct ht_hash hash;
};

/* One frame further. With a recorder it is told all that the frame was found by. */
static void step(struct ht_regs *r, struct stack *s, struct ht_recorder *c)
{
    const uint64_t *w = (const uint64_t *)r->sp;
    uint64_t at = (uint64_t)(w - fake[0]); /* thread and level */
    bool by_rbp = (r->pc + w[0]) & 1;
    ht_ref f = (ht_ref)((((at * 64 + r->pc % 64) * 2 + w[0] - 1) * 4 + (by_rbp ? r->bp : 0)) * 8 + meaning % 8 + 1);
    if (c) {
        ht_record_word(c, r->sp, w[0]);
        if (by_rbp)
            ht_record_bp_use(c, r->bp);
        ht_record_bp_load(c, r->sp + 16);
        ht_record_word(c, r->sp + 24, w[3]);
    }
    s->frames[s->n++] = f;
    ht_hash_frame(&s->hash, f);
    *r = (struct ht_regs){w[3], r->sp + WORDS * 8, w[2]};
}

static bool over(const struct ht_regs *r, unsigned thread)
{
    return r->sp >= (uint64_t)&fake[thread][LEVELS * WORDS];
}

/* As unwind() of unwind.c: in parts of two or three levels. */
static void piece_together(struct ht_regs r, unsigned thread, struct stack *s)
{
    struct ht_recorder c;
    bool end = false;
    s->n = 0;
    s->hash = (struct ht_hash){0, 1};
    uint32_t generation = atomic_load(&ht_unload_generation);
    for (;;) {
        uint32_t got = ht_segments_recall(&r, (uint64_t)&fake[thread][LEVELS * WORDS], generation, SHIFT, s->frames + s->n,
                                          LEVELS - s->n, &s->hash, &end);
        s->n += got;
        if (got)
            atomic_fetch_add(&pieces, 1);
        if (end || over(&r, thread))
            break;
        ht_record_begin(&c, &r, s->n, HT_SEGMENT_WORDS);
        for (unsigned i = 2 + r.pc % 2; i && !over(&r, thread); i--)
            step(&r, s, &c);
        ht_segment_keep(&c, &r, over(&r, thread), s->frames, s->n, generation, SHIFT);
    }
}

static void walk_whole(struct ht_regs r, unsigned thread, struct stack *s, struct ht_recorder *c)
{
    s->n = 0;
    s->hash = (struct ht_hash){0, 1};
    if (c)
        ht_record_begin(c, &r, 0, HT_MEMO_WORDS);
    while (!over(&r, thread))
        step(&r, s, c);
}

static void recall_stacks(unsigned thread)
{
    uint64_t *words = fake[thread];
    struct stack want, got;
    struct ht_recorder c;
    ht_tls.stack_lo = (uint64_t)words;
    ht_tls.stack_hi = (uint64_t)&words[LEVELS * WORDS];
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
        if ((x & 7) == 0) {
            unsigned k = (unsigned)(x >> 8) % (LEVELS * WORDS);
            words[k] = 1 + (x >> 16) % 2;
        }
        struct ht_regs r = {pcs[thread][(x >> 20) % KEYS], (uint64_t)words, 1 + (x >> 24) % 2};
        walk_whole(r, thread, &want, NULL);
        if (x >> 40 & 1) {
            piece_together(r, thread, &got);
            CHECK(got.n == want.n && !memcmp(got.frames, want.frames, want.n * sizeof(ht_ref)));
            CHECK(got.hash.sum == want.hash.sum);
            continue;
        }
        ht_ref stack = ht_memo_recall(&r);
        if (!stack) {
            stack = ht_stack_intern_hashed(want.frames, want.n, 0, want.hash.sum);
            if (ht_memo_again(&r, stack)) {
                uint32_t generation = atomic_load(&ht_unload_generation);
                walk_whole(r, thread, &got, &c);
                ht_memo_keep(&c, stack, generation);
            }
        } else {
            atomic_fetch_add(&wholes, 1);
        }
        const struct ht_stack *s = ht_at(stack);
        CHECK(stack && s->n_frames == want.n && !memcmp(ht_at(s->frames), want.frames, want.n * sizeof(ht_ref)));
    }
}

/* Which slot of the memo: as memo_of() of segment.c. */
static uint64_t slot_of(uint64_t pc, uint64_t sp)
{
    return ht_segment_key(pc, sp) >> (64 - HT_MEMO_BITS);
}

void stress_memo(void)
{
    for (unsigned t = 0; t < THREADS; t++) {
        uint64_t pc = 3;
        for (unsigned k = 0; k < KEYS; k++, pc++) {
            while (slot_of(pc, (uint64_t)fake[t]) > 3)
                pc++;
            pcs[t][k] = pc;
        }
        for (unsigned i = 0; i < LEVELS * WORDS; i++)
            fake[t][i] = 1;
    }
    ht_crowd(recall_stacks, NULL);
    CHECK(pieces > CALLS / 50 && wholes > CALLS / 50); /* some are recalled: else there is nothing to see */
}

/* What is copied from an entry that another thread is writing is thrown away (segment.h); it is copied
 * as memory is, not word by word. */
__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race:ht_segments_recall\n";
}

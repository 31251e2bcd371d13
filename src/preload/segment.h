/* SPDX-License-Identifier: MIT */
/*
 * Parts of stacks that were walked before. What a sample's stack has in common with one of the last
 * ones is compared word by word and copied, and only the rest is walked.
 *
 * A segment is what a walk did from one state (pc, sp) to another, a few frames on: the words of
 * the stack that it went by, and the frames it found. When the state and each of these words are
 * the same, so is what follows from them. Where segments begin is told by a hash of the state alone
 * (and at the leaf): so two stacks that differ near the leaf meet again at the next such place,
 * wherever their leaves are.
 */
#ifndef HEAPTAP_SRC_PRELOAD_SEGMENT_H
#define HEAPTAP_SRC_PRELOAD_SEGMENT_H

#include <stdint.h>
#include <string.h>

#include "preload/state.h"
#include "preload/unwind.h"

/* A stack's hash is the sum of its frames' refs times powers of this, so that a segment has a hash
 * of its own wherever in a stack it lies. */
#define HT_STACK_PRIME 0xd6e8feb86659fd93ULL

/* Where rbp is from at a segment's end: the caller's own, a word of the stack, nowhere. */
enum { HT_BP_GIVEN, HT_BP_LOADED, HT_BP_LOST };

/* How many frames and words; whether rbp at the beginning matters; whether the stack ends there;
 * HT_BP_*; by how much sp has risen at the end. */
#define HT_SHAPE(n_frames, n_words, bp_used, ended, bp_from, rise)                                 \
    ((uint64_t)(n_frames) | (uint64_t)(n_words) << 8 | (uint64_t)(bp_used) << 16 |                 \
     (uint64_t)(ended) << 17 | (uint64_t)(bp_from) << 18 | (uint64_t)(rise) << 32)
#define HT_SHAPE_FRAMES(s)  ((uint32_t)(s)&0xff)
#define HT_SHAPE_WORDS(s)   ((uint32_t)(s) >> 8 & 0xff)
#define HT_SHAPE_BP_USED    (1u << 16)
#define HT_SHAPE_ENDED      (1u << 17)
#define HT_SHAPE_BP_FROM(s) ((uint32_t)(s) >> 18 & 3)
#define HT_SHAPE_RISE(s)    ((s) >> 32)

/* What is noted of the segment a walk is in. */
struct ht_recorder {
    struct ht_regs start;
    uint32_t first; /* index of its first frame */
    uint32_t n_words, max_words;
    bool on;        /* so far it can be kept */
    bool bp_used;   /* the caller's rbp led to a frame: it is part of the state */
    bool bp_noted;  /* the loaded rbp's word is among the words */
    uint8_t bp;     /* where rbp is from: HT_BP_* */
    uint64_t bp_at; /* HT_BP_LOADED: address */
    uint16_t offsets[HT_MEMO_WORDS];
    uint64_t words[HT_MEMO_WORDS];
};

static inline uint64_t ht_segment_key(uint64_t pc, uint64_t sp)
{
    return (pc ^ sp << 17) * 0x9e3779b97f4a7c15ULL;
}

/* One state in four: with fewer, more frames were walked than comparing them had cost. */
static inline bool ht_segment_begins(uint64_t key)
{
    return !(key & 3ull << 40);
}

static inline void ht_record_begin(struct ht_recorder *c, const struct ht_regs *r, uint32_t first,
                                   uint32_t max_words)
{
    c->start = *r;
    c->first = first;
    c->n_words = 0;
    c->max_words = max_words;
    c->on = true;
    c->bp_used = c->bp_noted = false;
    c->bp = HT_BP_GIVEN;
}

static inline void ht_record_word(struct ht_recorder *c, uint64_t at, uint64_t word)
{
    uint64_t offset = at - c->start.sp;
    uint32_t i = c->n_words;
    if (i == c->max_words || offset >= UINT16_MAX * 8ull) {
        c->on = false;
        return;
    }
    c->offsets[i] = (uint16_t)(offset / 8);
    c->words[i] = word;
    c->n_words = i + 1;
}

/* A frame was found by rbp: the word it came from must be the same the next time. */
static inline void ht_record_bp_use(struct ht_recorder *c, uint64_t bp)
{
    if (c->bp == HT_BP_GIVEN) {
        c->bp_used = true;
    } else if (c->bp == HT_BP_LOADED && !c->bp_noted) {
        ht_record_word(c, c->bp_at, bp);
        c->bp_noted = true;
    }
}

static inline void ht_record_bp_load(struct ht_recorder *c, uint64_t at)
{
    c->bp = HT_BP_LOADED;
    c->bp_at = at;
    c->bp_noted = false;
}

/* Keeps, in one of the two slots of its key, what was recorded up to r, or to the stack's end, with
 * the frames found since. */
void ht_segment_keep(const struct ht_recorder *c, const struct ht_regs *r, bool ended,
                     const ht_ref *frames, uint32_t n, uint32_t generation, uint32_t shift);

/* A sum over a stack's frames: ht_stack_hash says of what. */
struct ht_hash {
    uint64_t sum, power;
};

static inline void ht_hash_frame(struct ht_hash *h, ht_ref frame)
{
    h->sum += frame * h->power;
    h->power *= HT_STACK_PRIME;
}

/* The powers of HT_STACK_PRIME up to a segment's length. */
extern const uint64_t ht_stack_powers[HT_SEGMENT_FRAMES + 1];

/* True when these words are where they were. Nothing is loaded above sp + 8 * (last + 1), whatever
 * a torn entry says. */
static inline bool ht_words_hold(const uint16_t *offsets, const uint64_t *words, uint32_t n,
                                 uint64_t sp, uint64_t last)
{
    for (uint32_t i = 0; i < n; i++) {
        uint64_t at = HT_LOAD_RELAXED(offsets[i]);
        if (at > last || ((const uint64_t *)sp)[at] != HT_LOAD_RELAXED(words[i]))
            return false;
    }
    return true;
}

/*
 * Goes through the segments that begin at *r, one after the other, as long as they are known and
 * all they were found by is still there. Their frames go to `frames` (at most `room`, and
 * HT_SEGMENT_FRAMES more are written to), *r moves to the end of the last, and the number of frames
 * is returned. hi: end of the stack; shift: which bits of the key say where. *ended: nothing comes
 * behind.
 */
static inline __attribute__((always_inline)) uint32_t
ht_segments_recall(struct ht_regs *r, uint64_t hi, uint32_t generation, uint32_t shift,
                   ht_ref *frames, uint32_t room, struct ht_hash *h, bool *ended)
{
    const struct ht_segment *table = ht_state->segments;
    const uint64_t want = (uint64_t)generation << 32;
    uint64_t pc = r->pc, sp = r->sp, bp = r->bp, sum = h->sum, power = h->power, shape = 0;
    uint32_t total = 0;
    while (!(shape & HT_SHAPE_ENDED) && sp < hi) {
        uint64_t slot = ht_segment_key(pc, sp) >> shift;
        const struct ht_segment *s = &table[slot];
        if (HT_LOAD_RELAXED(s->pc) != pc || HT_LOAD_RELAXED(s->sp) != sp)
            s = &table[slot ^ 1];
        uint64_t stamp = atomic_load_explicit(&s->stamp, memory_order_acquire);
        if (HT_LOAD_RELAXED(s->pc) != pc || HT_LOAD_RELAXED(s->sp) != sp ||
            ((stamp ^ want) & 0xffffffff00000001ULL))
            break;
        uint64_t new = HT_LOAD_RELAXED(s->shape), last = (hi - sp) / 8 - 1;
        uint32_t n = HT_SHAPE_FRAMES(new);
        if (n > room - total || ((new &HT_SHAPE_BP_USED) && HT_LOAD_RELAXED(s->bp) != bp) ||
            !ht_words_hold(s->offsets, s->words, HT_SHAPE_WORDS(new), sp, last))
            break;
        uint64_t end_bp = bp;
        if (HT_SHAPE_BP_FROM(new)) {
            uint64_t at = HT_LOAD_RELAXED(s->bp_offset);
            if (at > last)
                break;
            end_bp = HT_SHAPE_BP_FROM(new) == HT_BP_LOADED ? ((const uint64_t *)sp)[at] : 0;
        }
        HT_PAUSE(MEMO);
        /* What is copied from a torn entry is written over, or lies behind the end. */
        memcpy(frames + total, s->frames, sizeof s->frames);
        uint64_t hash = HT_LOAD_RELAXED(s->hash), end_pc = HT_LOAD_RELAXED(s->end_pc);
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&s->stamp, memory_order_relaxed) != stamp)
            break;
        shape = new;
        sum += hash * power;
        power *= ht_stack_powers[n];
        pc = end_pc;
        sp += HT_SHAPE_RISE(new);
        bp = end_bp;
        total += n;
    }
    *ended = shape & HT_SHAPE_ENDED;
    *r = (struct ht_regs){pc, sp, bp};
    *h = (struct ht_hash){sum, power};
    return total;
}

static inline struct ht_memo *ht_memo_of(const struct ht_regs *r)
{
    return &ht_state->memos[ht_segment_key(r->pc, r->sp) >> (64 - HT_MEMO_BITS)];
}

/* The stack that r had the last time, if all it was found by is still there, or 0. */
static inline ht_ref ht_memo_recall(const struct ht_regs *r)
{
    const struct ht_memo *m = ht_memo_of(r);
    uint64_t stamp = atomic_load_explicit(&m->stamp, memory_order_acquire);
    uint32_t generation = atomic_load_explicit(&ht_unload_generation, memory_order_relaxed);
    if (HT_LOAD_RELAXED(m->pc) != r->pc || HT_LOAD_RELAXED(m->sp) != r->sp || (stamp & 1) ||
        stamp >> 32 != generation || r->sp < ht_tls.stack_lo || r->sp >= ht_tls.stack_hi)
        return 0;
    if (HT_LOAD_RELAXED(m->bp_used) && HT_LOAD_RELAXED(m->bp) != r->bp)
        return 0;
    uint32_t n = HT_LOAD_RELAXED(m->n_words);
    if (!n || n > HT_MEMO_WORDS ||
        !ht_words_hold(m->offsets, m->words, n, r->sp, (ht_tls.stack_hi - r->sp) / 8 - 1))
        return 0;
    HT_PAUSE(MEMO);
    ht_ref stack = HT_LOAD_RELAXED(m->stack);
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&m->stamp, memory_order_relaxed) == stamp ? stack : 0;
}

/* r had this stack: true when it had the same one the last time, and its words are worth keeping.
 */
bool ht_memo_again(const struct ht_regs *r, ht_ref stack);

/* Keeps a whole stack with its words. */
void ht_memo_keep(const struct ht_recorder *c, ht_ref stack, uint32_t generation);

#endif

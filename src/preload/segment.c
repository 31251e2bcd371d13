/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "preload/segment.h"

#define P1          HT_STACK_PRIME
#define P2          (P1 * P1)
#define P4          (P2 * P2)
#define FOUR(first) first, (first)*P1, (first)*P2, (first)*P2 *P1
const uint64_t ht_stack_powers[HT_SEGMENT_FRAMES + 1] = {FOUR(1), FOUR(P4), P4 *P4};

/* Makes the stamp odd. False: another thread is writing, whose entry is as good. */
static bool write_begin(_Atomic uint64_t *stamp, uint64_t *was)
{
    *was = atomic_load_explicit(stamp, memory_order_relaxed);
    if ((*was & 1) || !atomic_compare_exchange_strong_explicit(
                          stamp, was, *was | 1, memory_order_acq_rel, memory_order_relaxed))
        return false;
    atomic_thread_fence(memory_order_release);
    HT_PAUSE(MEMO);
    return true;
}

static void write_end(_Atomic uint64_t *stamp, uint64_t was, uint32_t generation)
{
    atomic_store_explicit(stamp, (uint64_t)generation << 32 | (uint32_t)(was + 2),
                          memory_order_release);
}

static void store_words(uint16_t *offsets, uint64_t *words, const struct ht_recorder *c)
{
    for (uint32_t i = 0; i < c->n_words; i++) {
        HT_STORE_RELAXED(offsets[i], c->offsets[i]);
        HT_PAUSE(MEMO);
        HT_STORE_RELAXED(words[i], c->words[i]);
    }
}

/* Of the two slots the one that has this state already, else each in turn: every write moves one of
 * the sequences on. */
static struct ht_segment *slot_of(uint64_t pc, uint64_t sp, uint32_t shift)
{
    struct ht_segment *s = &ht_state->segments[ht_segment_key(pc, sp) >> shift & ~1ull];
    for (int i = 0; i < 2; i++)
        if (HT_LOAD_RELAXED(s[i].pc) == pc && HT_LOAD_RELAXED(s[i].sp) == sp)
            return &s[i];
    uint64_t writes = (uint32_t)atomic_load_explicit(&s[0].stamp, memory_order_relaxed) / 2 +
                      (uint32_t)atomic_load_explicit(&s[1].stamp, memory_order_relaxed) / 2;
    return &s[writes & 1];
}

void ht_segment_keep(const struct ht_recorder *c, const struct ht_regs *r, bool ended,
                     const ht_ref *frames, uint32_t n, uint32_t generation, uint32_t shift)
{
    uint64_t length = r->sp - c->start.sp, bp_offset = (c->bp_at - c->start.sp) / 8;
    uint32_t n_frames = n - c->first;
    if (c->bp != HT_BP_LOADED)
        bp_offset = 0;
    if (!c->on || !n_frames || n_frames > HT_SEGMENT_FRAMES || length > UINT32_MAX ||
        bp_offset > UINT32_MAX)
        return;
    struct ht_segment *s = slot_of(c->start.pc, c->start.sp, shift);
    uint64_t was;
    if (!write_begin(&s->stamp, &was))
        return;
    struct ht_hash h = {0, 1};
    for (uint32_t i = 0; i < n_frames; i++) {
        HT_STORE_RELAXED(s->frames[i], frames[c->first + i]);
        ht_hash_frame(&h, frames[c->first + i]);
    }
    HT_STORE_RELAXED(s->pc, c->start.pc);
    HT_PAUSE(MEMO);
    HT_STORE_RELAXED(s->sp, c->start.sp);
    HT_STORE_RELAXED(s->bp, c->start.bp);
    HT_STORE_RELAXED(s->shape, HT_SHAPE(n_frames, c->n_words, c->bp_used, ended, c->bp, length));
    HT_STORE_RELAXED(s->bp_offset, bp_offset);
    HT_STORE_RELAXED(s->end_pc, r->pc);
    HT_STORE_RELAXED(s->hash, h.sum);
    HT_PAUSE(MEMO);
    store_words(s->offsets, s->words, c);
    write_end(&s->stamp, was, generation);
}

bool ht_memo_again(const struct ht_regs *r, ht_ref stack)
{
    struct ht_memo *m = ht_memo_of(r);
    uint64_t was;
    if (HT_LOAD_RELAXED(m->pc) == r->pc && HT_LOAD_RELAXED(m->sp) == r->sp &&
        HT_LOAD_RELAXED(m->stack) == stack)
        return HT_LOAD_RELAXED(m->n_words) != HT_MEMO_LONG;
    if (!write_begin(&m->stamp, &was))
        return false;
    HT_STORE_RELAXED(m->pc, r->pc);
    HT_STORE_RELAXED(m->sp, r->sp);
    HT_STORE_RELAXED(m->stack, stack);
    HT_STORE_RELAXED(m->n_words, 0);
    write_end(&m->stamp, was, 0);
    return false;
}

void ht_memo_keep(const struct ht_recorder *c, ht_ref stack, uint32_t generation)
{
    struct ht_memo *m = ht_memo_of(&c->start);
    uint64_t was;
    if (!write_begin(&m->stamp, &was))
        return;
    HT_STORE_RELAXED(m->pc, c->start.pc);
    HT_STORE_RELAXED(m->sp, c->start.sp);
    HT_STORE_RELAXED(m->bp, c->start.bp);
    HT_STORE_RELAXED(m->bp_used, c->bp_used);
    HT_PAUSE(MEMO);
    HT_STORE_RELAXED(m->stack, stack);
    HT_STORE_RELAXED(m->n_words, c->on ? (uint8_t)c->n_words : HT_MEMO_LONG);
    store_words(m->offsets, m->words, c);
    write_end(&m->stamp, was, generation);
}

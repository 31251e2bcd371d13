/* SPDX-License-Identifier: MIT */
/* The append-only tables: chunks and their cursors, frames, stacks. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "stress.h"

/* Chunks: records of all kinds and data of all lengths, each of them one thread's alone. */

enum { RECORDS = 6000 };

static struct taken {
    ht_ref ref;
    uint32_t size, kind;
    unsigned char mark;
} taken[THREADS][RECORDS];

static void take_records(unsigned thread)
{
    for (int i = 0; i < RECORDS; i++) {
        uint64_t x = ht_next_random();
        struct taken *t = &taken[thread][i];
        t->kind = HT_KIND_MODULE + x % (HT_KIND_COUNT - HT_KIND_MODULE);
        t->mark = (unsigned char)(x >> 8 | 1);
        t->size = t->kind == HT_KIND_DATA ? 8 + (x >> 16) % 512 * 8 : ht_kind_size(t->kind);
        t->ref = t->kind == HT_KIND_DATA ? ht_data_new(t->size) : ht_record_new(t->kind);
        if (!CHECK(t->ref, "there is room for a record"))
            return;
        unsigned char *p = ht_at(t->ref);
        for (uint32_t k = 0; k < t->size; k++)
            CHECK(p[k] == 0, "a new record is zero");
        memset(p, t->mark, t->size);
    }
}

static void watch_chunks(const struct ht_view *v)
{
    for (uint32_t i = 0; i < v->n_chunks; i++) {
        const struct ht_chunk *c =
            (const struct ht_chunk *)(v->base + HT_HEADER_SIZE + (uint64_t)i * HT_CHUNK_SIZE);
        uint32_t kind = atomic_load_explicit(&c->kind, memory_order_acquire);
        CHECK(c->magic == HT_CHUNK_MAGIC && kind >= HT_KIND_MODULE && kind < HT_KIND_COUNT,
              "a chunk has its magic and a kind that exists");
    }
}

void stress_chunks(void)
{
    struct ht_view v;
    uint64_t used[HT_KIND_COUNT] = {0}, chunks[HT_KIND_COUNT] = {0};
    ht_crowd(take_records, watch_chunks);
    ht_own_view(&v);
    for (unsigned t = 0; t < THREADS; t++)
        for (int i = 0; i < RECORDS; i++) {
            const struct taken *r = &taken[t][i];
            const unsigned char *p = ht_view_at(&v, r->ref, r->size);
            if (!CHECK(p, "a record that was made is seen"))
                continue;
            uint64_t chunk = ((uint64_t)r->ref * 8 - HT_HEADER_SIZE) / HT_CHUNK_SIZE;
            CHECK(((const struct ht_chunk *)(v.base + HT_HEADER_SIZE + chunk * HT_CHUNK_SIZE))
                          ->kind == r->kind,
                  "a record lies in a chunk of its kind");
            bool mine = true;
            for (uint32_t k = 0; k < r->size; k++)
                mine &= p[k] == r->mark;
            CHECK(mine, "a record holds what its thread wrote");
            used[r->kind] += r->size;
        }
    /* Nothing is skipped but what a chunk's end cannot hold. */
    for (uint32_t i = 0; i < v.n_chunks; i++)
        chunks[((const struct ht_chunk *)(v.base + HT_HEADER_SIZE + (uint64_t)i * HT_CHUNK_SIZE))
                   ->kind]++;
    for (uint32_t k = HT_KIND_MODULE; k < HT_KIND_COUNT; k++)
        CHECK(used[k] + 4096 >= (chunks[k] - 1) * (HT_CHUNK_SIZE - 64 - 4096),
              "every chunk but the last is full");
}

/* Frames: all threads ask for the same keys at the same time. */

enum { ROUNDS = 300, KEYS = 32 };

static _Atomic ht_ref known[ROUNDS * KEYS];

static uint64_t recipe_of(uint64_t pc, ht_ref module)
{
    return pc * 3 + module;
}

static void find_key(unsigned key, ht_ref ref)
{
    ht_ref first = 0;
    if (CHECK(ref, "there is room for a frame") &&
        !atomic_compare_exchange_strong(&known[key], &first, ref))
        CHECK(first == ref, "one address has one frame");
}

/* Few roots, so that the tries grow deep: the keys differ in what lies above the root's bits. */
static uint64_t pc_of(unsigned key)
{
    static uint64_t found[ROUNDS * KEYS];
    if (!found[key]) {
        uint64_t pc = 0x1000 + (uint64_t)key * 0x100000;
        while ((ht_mix(pc ^ (uint64_t)(key % 3) << 32) & ((1u << HT_ROOT_BITS) - 1)) >= 8)
            pc++;
        found[key] = pc;
    }
    return found[key];
}

static void intern_frames(unsigned thread)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        if (round % 10 == 0)
            ht_together();
        for (unsigned i = 0; i < KEYS; i++) {
            unsigned key = round * KEYS + (i * 5 + (thread & 1)) % KEYS;
            ht_ref ref = ht_frame_intern(pc_of(key), key % 3, recipe_of);
            find_key(key, ref);
            const struct ht_frame *f = ht_at(ref);
            CHECK(f->pc == pc_of(key) && f->module == key % 3 &&
                      f->recipe == recipe_of(f->pc, f->module),
                  "a frame that was made is what was asked for");
        }
    }
}

static void watch_frames(const struct ht_view *v)
{
    struct ht_cursor c = {.kind = HT_KIND_FRAME};
    const struct ht_frame *f;
    while ((f = ht_view_next(v, &c)))
        CHECK(f->pc && f->recipe == recipe_of(f->pc, f->module), "a frame that is seen is whole");
}

/* How often each key is in the trie below ref. */
static void count_frames(ht_ref ref, unsigned *times)
{
    if (!ref)
        return;
    const struct ht_frame *f = ht_at(ref);
    unsigned key = (unsigned)(f->pc >> 20);
    if (CHECK(f->commit == HT_COMMITTED && key < ROUNDS * KEYS && known[key] == ref,
              "a frame of the tree was made by a thread"))
        times[key]++;
    for (int i = 0; i < 4; i++)
        count_frames(f->child[i], times);
}

void stress_frames(void)
{
    static unsigned times[ROUNDS * KEYS];
    for (unsigned key = 0; key < ROUNDS * KEYS; key++)
        pc_of(key);
    ht_crowd(intern_frames, watch_frames);
    for (unsigned i = 0; i < 1u << HT_ROOT_BITS; i++)
        count_frames(ht_state->frame_roots[i], times);
    for (unsigned key = 0; key < ROUNDS * KEYS; key++)
        CHECK(times[key] == 1, "each frame is in the tree once");
    /* A lost race leaves a record that nothing names: else there was no race. */
    struct ht_view v;
    ht_own_view(&v);
    struct ht_cursor c = {.kind = HT_KIND_FRAME};
    unsigned n = 0;
    while (ht_view_next(&v, &c))
        n++;
    CHECK(n > ROUNDS * KEYS, "some frame was made twice: there was a race");
}

/* Stacks: the same; the frames of stack k are k's. */

static unsigned frames_of(unsigned key, ht_ref *frames)
{
    unsigned n = 1 + key % 20;
    for (unsigned i = 0; i < n; i++)
        frames[i] = 1 + key * 32 + i;
    return n;
}

static void check_stack(const struct ht_stack *s, const ht_ref *frames)
{
    ht_ref want[20];
    unsigned key = (frames[0] - 1) / 32;
    CHECK(s->n_frames == frames_of(key, want) &&
              !memcmp(frames, want, s->n_frames * sizeof(ht_ref)) && s->flags == key % 3,
          "a stack has the frames it was asked for");
}

static void intern_stacks(unsigned thread)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        if (round % 10 == 0)
            ht_together();
        for (unsigned i = 0; i < KEYS; i++) {
            unsigned key = round * KEYS + (i * 5 + (thread & 1)) % KEYS;
            ht_ref frames[20];
            unsigned n = frames_of(key, frames);
            ht_ref ref = ht_stack_intern(frames, n, key % 3, 0);
            find_key(key, ref);
            const struct ht_stack *s = ht_at(ref);
            check_stack(s, ht_at(s->frames));
        }
    }
}

static void watch_stacks(const struct ht_view *v)
{
    struct ht_cursor c = {.kind = HT_KIND_STACK};
    const struct ht_stack *s;
    while ((s = ht_view_next(v, &c))) {
        uint32_t n;
        const ht_ref *frames = ht_view_frames(v, s, &n);
        CHECK(n && s->frames, "a stack that is seen has frames");
        if (frames) /* else in a chunk made after the view was taken */
            check_stack(s, frames);
        else
            CHECK(!ht_view_at(v, s->frames, 8),
                  "a stack's frames that are not seen lie beyond the view");
    }
}

static void count_stacks(_Atomic ht_ref *table, unsigned *times)
{
    for (uint32_t i = 0; table && i < table[0]; i++) {
        ht_ref ref = table[1 + i];
        for (unsigned n = 0; ref && CHECK(n < 1000, "a list of stacks ends"); n++) {
            const struct ht_stack *s = ht_at(ref);
            unsigned key = (*(const ht_ref *)ht_at(s->frames) - 1) / 32;
            if (CHECK(s->commit == HT_COMMITTED && key < ROUNDS * KEYS && known[key] == ref,
                      "a stack of the list was made by a thread"))
                times[key]++;
            ref = s->next;
        }
    }
}

void stress_stacks(void)
{
    static unsigned times[ROUNDS * KEYS];
    ht_crowd(intern_stacks, watch_stacks);
    for (unsigned i = 0; i < HT_STACK_SHARDS; i++)
        count_stacks(ht_state->stack_shards[i].table, times);
    for (unsigned key = 0; key < ROUNDS * KEYS; key++)
        CHECK(times[key] == 1, "each stack is on the list once");
    struct ht_view v;
    ht_own_view(&v);
    struct ht_cursor c = {.kind = HT_KIND_STACK};
    unsigned n = 0;
    while (ht_view_next(&v, &c))
        n++;
    CHECK(n == ROUNDS * KEYS, "no stack was made twice"); /* made under a lock */
}

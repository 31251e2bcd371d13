/* SPDX-License-Identifier: MIT */
/* Folding: samples of many stacks at rates above 1, as the sampler does it, while passes are forced; a reader copies
 * the region as one outside does. Nothing that lives is folded, and the sums stay what was counted. */
#include "config.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "stress.h"
#include "target/sampler/account.h"
#include "target/tables/fold.h"
#include "target/tables/records.h"

enum { STACKS = 4000, SIZES = 3, HELD = 24, SAMPLES = 1000, READS = 5, MANY = 600, BOUND = 64 };

static _Atomic uint64_t allocated, live;
static atomic_ulong reads, stale;
static _Alignas(64) unsigned char copied[8 << 20];

static ht_ref stack_of(unsigned number)
{
    ht_ref frames[24];
    unsigned n = 1 + number % 24;
    for (unsigned i = 0; i < n; i++)
        frames[i] = number * 32 + i + 1;
    return ht_stack_intern(frames, n, 0, 0);
}

/* What is at the record is the stack of that number, whole. */
static bool is_stack(const struct ht_stack *s, unsigned number)
{
    const ht_ref *frames = ht_at(s->frames);
    unsigned n = 1 + number % 24;
    bool ok = s->n_frames == n;
    for (unsigned i = 0; ok && i < n; i++)
        ok = frames[i] == number * 32 + i + 1;
    return ok;
}

struct held {
    ht_ref site;
    unsigned number;
    uint64_t size;
};

/* As sampled.c. */
static ht_ref take_sample(unsigned number, uint64_t size, uint64_t rate, uint32_t labels)
{
    bool due;
    struct ht_fold_count *entered = ht_fold_enter(&due);
    ht_ref stack = stack_of(number), site = ht_site_intern(stack, size, rate, labels);
    CHECK(stack && site, "there is room for a stack and a site");
    const struct ht_site *s = ht_at(site);
    HT_YIELD_POINT(FOLD);
    CHECK(is_stack(ht_at(stack), number) && is_stack(ht_at(s->stack), number),
          "a stack in hand keeps its frames");
    CHECK(s->rate == rate && ht_site_holds(s, size), "a site in hand keeps its rate and sizes");
    ht_fold_touch(ht_at(site));
    ht_account_allocated(ht_at(site), size);
    atomic_fetch_add(&allocated, 1);
    atomic_fetch_add(&live, 1);
    ht_fold_leave(entered);
    if (due)
        ht_fold_tick();
    return site;
}

static void drop(struct held *h)
{
    const struct ht_site *s = ht_at(h->site);
    CHECK(is_stack(ht_at(s->stack), h->number) && ht_site_holds(s, h->size) && !s->folded_in,
          "a live block's site and stack are not folded");
    CHECK(s->commit == HT_COMMITTED || s->commit == HT_DETACHED,
          "a live block's site is committed or detached");
    atomic_fetch_sub(&live, 1);
    ht_account_freed(ht_at(h->site), h->size);
    h->site = 0;
}

static void sample_and_fold(unsigned thread)
{
    struct held held[HELD] = {{0}};
    for (unsigned i = 0; i < SAMPLES; i++) {
        uint64_t x = ht_next_random();
        struct held *h = &held[x % HELD];
        if (h->site)
            drop(h);
        /* Some come often, the others seldom. */
        h->number = (unsigned)(x >> 8) % ((x >> 40 & 3) ? 40 : STACKS);
        h->size = 20ull << ((x >> 44) % SIZES);
        h->site = take_sample(h->number, h->size, 100 + (x >> 50 & 1), 0);
        if ((x >> 54 & 7) == 0)
            drop(h);
        /* Pauses slow a step down more than they do a sample. */
        for (unsigned k = 0; k < 20 && atomic_load(&ht_state->fold.sites) > MANY; k++) {
            ht_fold_tick();
            sched_yield();
        }
    }
    for (unsigned i = 0; i < HELD; i++)
        if (held[i].site)
            drop(&held[i]);
}

/* What a view's sites and sums hold: samples, and objects in units of a fraction. */
static uint64_t samples_in(const struct ht_view *v)
{
    struct ht_cursor c = {.kind = HT_KIND_SITE};
    struct ht_folded_values f;
    const struct ht_site *s;
    uint64_t n = 0;
    while ((s = ht_view_next(v, &c)))
        n += s->alloc_count;
    for (uint32_t i = 0; i < HT_FOLDED_CLASSES; i++)
        n += ht_view_folded(v, i, &f) ? f.samples : 0;
    return n;
}

/* As a dump inside the process: while dump_busy is set, no step begins; one that had begun is waited for. */
static bool hold(void)
{
    atomic_store(&ht_state->dump_busy, 1);
    for (int k = 0; k < 1000 && atomic_load(&ht_state->fold.busy); k++)
        nanosleep(&(struct timespec){0, 50000}, NULL);
    return !atomic_load(&ht_state->fold.busy);
}

/* Inside the process, with folding held: each sample is in a site or in the sums, once. A sample is counted at its
 * site and, a moment later, in `allocated`. */
static void watch_inside(void)
{
    bool held = hold();
    struct ht_view v;
    uint64_t before = atomic_load(&allocated);
    ht_own_view(&v);
    uint64_t n = held ? samples_in(&v) : before;
    atomic_store(&ht_state->dump_busy, 0);
    CHECK(n >= before && n <= atomic_load(&allocated) + THREADS,
          "a reader sees every sample counted before, and none too many");
    atomic_fetch_add(&reads, 1);
}

/* As another process sees it, of which the sanitizer knows nothing. */
__attribute__((no_sanitize("thread"))) static void copy(uint64_t at, uint64_t end)
{
    for (; at < end; at += 8)
        *(volatile uint64_t *)(copied + at) = *(const volatile uint64_t *)(ht_state->base + at);
}

static void copy_chunks(uint64_t end, uint32_t kind)
{
    for (uint64_t at = HT_HEADER_SIZE; at < end; at += HT_CHUNK_SIZE) {
        const struct ht_chunk *c = (const struct ht_chunk *)(ht_state->base + at);
        if (atomic_load(&c->kind) != kind)
            continue;
        copy(at, at + HT_CHUNK_SIZE / 2);
        HT_YIELD_POINT(VIEW);
        copy(at + HT_CHUNK_SIZE / 2, at + HT_CHUNK_SIZE);
    }
}

/* The sites were looked at in this pass, and the stacks were not. */
static bool between_walks(void)
{
    return __atomic_load_n(&ht_state->fold.stage, __ATOMIC_RELAXED) == HT_FOLD_WALK_STACKS;
}

/* From outside: a copy is whole as long as the fold version has not risen by two. */
static void watch_outside(void)
{
    uint64_t before = atomic_load(&allocated);
    const struct ht_region_header *h = ht_state->header,
                                  *mine = (const struct ht_region_header *)copied;
    copy(0, HT_HEADER_SIZE);
    if (mine->fold_version != atomic_load(&h->fold_version))
        return;
    /* Some are so slow that the sums have moved on when they read the sites, and the next pass has looked at all. */
    bool slow = ht_next_random() % 2;
    for (int k = 0; k < 200 && slow &&
                    (atomic_load(&h->fold_version) == mine->fold_version || !between_walks());
         k++)
        nanosleep(&(struct timespec){0, 50000}, NULL);
    uint64_t end = HT_HEADER_SIZE + (uint64_t)mine->n_chunks * HT_CHUNK_SIZE;
    if (!CHECK(end <= sizeof copied, "a copy of the region fits"))
        return;
    copy_chunks(end, HT_KIND_SITE);
    copy_chunks(end, HT_KIND_STACK);
    if (!ht_fold_version_holds(mine->fold_version, atomic_load(&h->fold_version))) {
        atomic_fetch_add(&stale, 1);
        return;
    }
    struct ht_view v;
    if (!CHECK(!ht_view_init(&v, copied, end, NULL, 0), "a copy of the region can be read"))
        return;
    uint64_t n = samples_in(&v);
    CHECK(n >= before && n <= atomic_load(&allocated) + THREADS,
          "a copy has every sample counted before, and none too many");
    struct ht_cursor c = {.kind = HT_KIND_SITE};
    const struct ht_site *s;
    while ((s = ht_view_next(&v, &c))) {
        const struct ht_stack *stack = ht_view_record(&v, s->stack, HT_KIND_STACK);
        CHECK(!s->alloc_count || !stack || stack->hash == s->stack_hash,
              "a site in a copy has its own stack");
    }
    atomic_fetch_add(&reads, 1);
}

static void watch_folding(const struct ht_view *view)
{
    (void)view;
    watch_inside();
    watch_outside();
    nanosleep(&(struct timespec){0, 200000}, NULL); /* others have the lock meanwhile */
}

/* At one stack, what is idle is folded though it lies behind any number of sites that live. */
static void fold_behind_others(void)
{
    enum { IDLE = 2000, OTHERS = 1000 };
    static struct held others[OTHERS];
    const struct ht_fold *fold = &ht_state->fold;
    atomic_store(&ht_state->dump_busy, 1); /* no steps */
    for (unsigned i = 0; i < IDLE + OTHERS; i++) {
        struct held h = {.number = 1, .size = 20};
        h.site = take_sample(h.number, h.size, 100, 1 + i);
        if (i < IDLE)
            drop(&h);
        else
            others[i - IDLE] = h;
    }
    CHECK(fold->sites >= IDLE + OTHERS, "all sites are there before folding");
    atomic_store(&ht_state->dump_busy, 0);
    ht_config.fold_fixed = true;
    for (unsigned i = 0; i < 5000 && fold->sites > OTHERS; i++)
        ht_fold_tick();
    CHECK(fold->sites == OTHERS, "only the sites that are not idle are left");
    for (unsigned i = 0; i < OTHERS; i++)
        drop(&others[i]);
    for (unsigned i = 0; i < 5000 && (fold->sites > BOUND || fold->stacks > BOUND); i++)
        ht_fold_tick();
}

/* What a child cannot name any more is at a stack without frames, wherever the next data lie. */
static void find_empty_stack(void)
{
    while (((uint64_t)ht_data_new(8) * 8 + 8 - HT_HEADER_SIZE) % HT_CHUNK_SIZE)
        ;
    ht_ref none = 0;
    struct ht_view v;
    uint32_t n = 1;
    const struct ht_stack *s = ht_at(ht_stack_intern(&none, 0, HT_STACK_FOLDED, 0));
    ht_own_view(&v);
    CHECK(ht_view_frames(&v, s, &n) && !n, "a stack without frames stays one");
}

void stress_fold(void)
{
    ht_config.fold = BOUND;
    ht_crowd(sample_and_fold, watch_folding);
    /* When the threads have come to rest, all but a bounded number is folded. */
    const struct ht_fold *fold = &ht_state->fold;
    for (unsigned i = 0; i < 50000 && (fold->sites > BOUND || fold->stacks > BOUND); i++)
        ht_fold_tick();
    fold_behind_others();
    find_empty_stack();
    struct ht_view v;
    struct ht_region_totals t;
    ht_own_view(&v);
    ht_region_totals(&v, &t);
    CHECK(atomic_load(&live) == 0 && t.live_samples == 0 && t.values.inuse_bytes == 0 &&
              t.values.inuse_objects == 0,
          "nothing is live at the end");
    CHECK(t.samples == allocated && samples_in(&v) == allocated, "no sample is lost by folding");
    /* Values add up to the totals, but for the rounding of each part. */
    struct ht_cursor c = {.kind = HT_KIND_SITE};
    const struct ht_site *s;
    struct ht_folded_values f;
    struct ht_values x;
    int64_t objects = 0, bytes = 0, parts = 0;
    for (; (s = ht_view_next(&v, &c)); parts++) {
        ht_site_values(&v, s, &x);
        objects += x.alloc_objects;
        bytes += x.alloc_bytes;
    }
    for (uint32_t i = 0; i < HT_FOLDED_CLASSES; i++)
        if (ht_view_folded(&v, i, &f)) {
            objects += f.values.alloc_objects;
            bytes += f.values.alloc_bytes;
            parts++;
        }
    CHECK(llabs(objects - t.values.alloc_objects) <= parts &&
              llabs(bytes - t.values.alloc_bytes) <= parts,
          "the sums add up to the totals, but for rounding");
    printf("%lu sites folded, %lu stacks, in %u passes; %u and %u left; %lu reads, %lu stale\n",
           (unsigned long)ht_state->header->folded_sites,
           (unsigned long)ht_state->header->folded_stacks, (unsigned)ht_fold_passes,
           (unsigned)fold->sites, (unsigned)fold->stacks, reads, stale);
    CHECK(ht_state->header->folded_sites > SAMPLES && ht_state->header->folded_stacks > SAMPLES / 2,
          "sites and stacks were folded");
    CHECK(fold->sites <= BOUND && fold->stacks <= BOUND && reads > READS,
          "the tables stayed bounded, and the readers read");
}

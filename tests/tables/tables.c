/* SPDX-License-Identifier: MIT */
/*
 * The target's tables under 8 threads, with a reader walking the region meanwhile: every object that
 * is inserted is taken once, with what was stored; stacks and sites are made once; totals come out
 * even. Built plain, with asan+ubsan, and with tsan.
 */
#include "config.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "region/view.h"
#include "target/allocator/backend.h"
#include "target/process/create.h"
#include "target/state/process_info.h"
#include "target/state/state.h"
#include "target/tables/counters.h"
#include "target/tables/live.h"
#include "target/tables/stacks.h"
#include "tests/lib/check.h"

/* What the tables need of the rest of the library. */
struct ht_config ht_config = {.rate = 1, .depth = 128};
struct ht_process ht_process = {.exe = "/tables", .name = "tables"};

enum { THREADS = 8, ROUNDS = 20000, KEEP = 64, STACKS = 300 };

static atomic_long failures, inserted, removed;
static _Atomic uint64_t alloc_bytes;
static atomic_int done;

static void ht_check_failed(const char *file, int line, const char *claim, const char *condition)
{
    atomic_fetch_add(&failures, 1);
    fprintf(stderr, "%s:%d: %s: does not hold (%s)\n", file, line, claim, condition);
}

static uint64_t no_recipe(uint64_t pc, ht_ref module)
{
    (void)module;
    return pc * 2;
}

static ht_ref stack_number(unsigned k)
{
    ht_ref frames[20];
    unsigned n = 1 + k % 20;
    for (unsigned i = 0; i < n; i++) {
        uint64_t pc = 0x1000 + (k * 31 + i) % 500;
        frames[i] = ht_frame_intern(pc, 0, no_recipe);
        CHECK(frames[i] && ((struct ht_frame *)ht_at(frames[i]))->recipe == pc * 2,
              "a frame is interned with the recipe of its address");
    }
    ht_ref stack = ht_stack_intern(frames, n, 0, 0);
    CHECK(stack && stack == ht_stack_intern(frames, n, 0, 0),
          "a stack is interned, and found again");
    return stack;
}

/* As the accounts do in exact mode: at the site and in the totals. */
static void count(ht_ref site, uint64_t size, bool alloc)
{
    ht_site_count(ht_at(site), ht_tls.thread_slot, size, alloc);
    ht_total_count(ht_tls.thread_slot, size, alloc);
}

static void *worker(void *arg)
{
    uint64_t x = (uint64_t)(uintptr_t)arg * 0x9e3779b97f4a7c15ull + 1;
    struct {
        void *p;
        uint64_t size;
        ht_ref site;
    } kept[KEEP] = {{0}};
    /* Two share a cell of the totals. */
    ht_tls.thread_slot =
        (uint32_t)(uintptr_t)arg + ((uintptr_t)arg == THREADS ? HT_TOTAL_CELLS - 1 : 0);
    ht_tls.reentrancy_depth = 1;
    for (int i = 0; i < ROUNDS; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        unsigned k = x % KEEP;
        if (kept[k].p) {
            struct ht_record r;
            CHECK(ht_live_maybe(kept[k].p), "a live block passes the filter");
            CHECK(!ht_live_take(kept[k].p, &r) && r.found, "a live block is found");
            CHECK(r.size == kept[k].size && r.site == kept[k].site,
                  "a block's record is the one that was inserted");
            count(r.site, r.size, false);
            atomic_fetch_add(&removed, 1);
            kept[k].p = NULL;
            continue;
        }
        /* Addresses of threads lie in one another's neighbourhood, and come again. */
        kept[k].p =
            (void *)(((x >> 8) % 4096 * 64 + (uintptr_t)arg) * 4096 + k * 16 + (1ull << 40));
        kept[k].size = (x >> 24) % 40;
        struct ht_record r;
        if (ht_live_maybe(kept[k].p) && !ht_live_take(kept[k].p, &r)) {
            for (unsigned j = 0; j < KEEP; j++)
                CHECK(j == k || kept[j].p != kept[k].p, "no two live blocks have one address");
        }
        kept[k].site =
            ht_site_intern(stack_number((unsigned)(x >> 40) % STACKS), kept[k].size, 1, 0);
        CHECK(kept[k].site, "there is room for a site");
        struct ht_site *s = ht_at(kept[k].site);
        CHECK(ht_site_holds(s, kept[k].size), "a site's range holds the size");
        count(kept[k].site, kept[k].size, true);
        atomic_fetch_add(&alloc_bytes, kept[k].size);
        uint32_t node = i & 1 ? ht_live_reserve() : 0;
        if (!CHECK(ht_live_insert(node, kept[k].p, kept[k].size, kept[k].site, 1, &r) && !r.found,
                   "a block is inserted, and nothing stale was there"))
            return NULL;
        atomic_fetch_add(&inserted, 1);
    }
    for (unsigned k = 0; k < KEEP; k++) {
        struct ht_record r;
        if (kept[k].p) {
            CHECK(!ht_live_take(kept[k].p, &r) && r.site == kept[k].site,
                  "every kept block is taken out with its site");
            count(r.site, r.size, false);
            atomic_fetch_add(&removed, 1);
        }
    }
    return NULL;
}

static void *reader(void *arg)
{
    while (!done) {
        struct ht_view v;
        ht_own_view(&v);
        struct ht_cursor sites = {.kind = HT_KIND_SITE};
        const struct ht_site *s;
        while ((s = ht_view_next(&v, &sites))) {
            /* What a site refers to is committed before it; only a chunk made after the view was
             * taken is beyond it. */
            const struct ht_stack *stack = ht_view_record(&v, s->stack, HT_KIND_STACK);
            CHECK(stack || !ht_view_at(&v, s->stack, 1), "a site's stack can be read");
            uint32_t n = 0;
            const ht_ref *frames = stack ? ht_view_frames(&v, stack, &n) : NULL;
            CHECK(frames || !stack || !ht_view_at(&v, stack->frames, 1),
                  "a stack's frames can be read");
            for (uint32_t i = 0; frames && i < n; i++)
                CHECK(ht_view_record(&v, frames[i], HT_KIND_FRAME) || !ht_view_at(&v, frames[i], 1),
                      "every frame of a stack can be read");
            struct ht_values values;
            ht_site_values(&v, s, &values);
            CHECK(values.inuse_bytes >= 0 && values.inuse_bytes <= values.alloc_bytes,
                  "a site's live bytes do not exceed its allocated ones");
            struct ht_region_totals t;
            ht_region_totals(&v, &t);
            CHECK(t.values.inuse_bytes >= 0 && t.values.inuse_bytes <= t.values.alloc_bytes,
                  "the live total does not exceed the allocated one");
        }
    }
    return arg;
}

static long records(enum ht_chunk_kind kind)
{
    struct ht_view v;
    ht_own_view(&v);
    struct ht_cursor c = {.kind = kind};
    long n = 0;
    while (ht_view_next(&v, &c))
        n++;
    return n;
}

int main(void)
{
    ht_state =
        mmap(NULL, sizeof *ht_state, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    atomic_store(&ht_rate, 1);
    CHECK(!ht_region_create(false), "the region is made");
    atomic_store(&ht_state->active, HT_ACTIVE);
    pthread_t threads[THREADS], r;
    pthread_create(&r, NULL, reader, NULL);
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, worker, (void *)(i + 1));
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    done = 1;
    pthread_join(r, NULL);
    CHECK(inserted == removed, "as many blocks were removed as inserted");
    CHECK(records(HT_KIND_LIVE) == 0, "no live record is left");
    uint64_t total = 0;
    struct ht_view v;
    ht_own_view(&v);
    struct ht_cursor c = {.kind = HT_KIND_SITE};
    const struct ht_site *s;
    while ((s = ht_view_next(&v, &c))) {
        struct ht_values x;
        ht_site_values(&v, s, &x);
        CHECK(!x.inuse_bytes && !x.inuse_objects, "nothing is live at a site at the end");
        total += (uint64_t)x.alloc_bytes;
    }
    CHECK(total == alloc_bytes, "the sites' bytes add up to what was allocated");
    struct ht_region_totals t;
    ht_region_totals(&v, &t);
    CHECK(t.values.alloc_bytes == (int64_t)total && !t.values.inuse_bytes &&
              !t.values.inuse_objects,
          "the total's bytes are what was allocated, and nothing is live");
    CHECK(t.values.alloc_objects == inserted && t.samples == (uint64_t)inserted && !t.live_samples,
          "the total's objects and samples are those that were inserted");
    for (int i = 0; i < HT_LOSS_COUNT; i++)
        CHECK(atomic_load(&ht_state->header->losses[i]) == 0, "nothing was lost");
    printf("%ld inserted, %ld removed, %ld stacks, %ld sites, %ld failures\n", (long)inserted,
           (long)removed, records(HT_KIND_STACK), records(HT_KIND_SITE), (long)failures);
    return failures != 0;
}

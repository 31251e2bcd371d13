/* SPDX-License-Identifier: MIT */
/*
 * stress TABLE [SEED]: one of the target's tables, with 8 threads and a reader, pausing by chance between the
 * steps of the table (HT_YIELD_POINT), and compared with what it must hold. Built plain and with sanitizers.
 * Seen failing: tests/tables/mutants takes the order of two steps, a CAS or a check out of each.
 */
#include "config.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "stress.h"
#include "target/process/create.h"
#include "target/state/process_info.h"

/* What the tables need of the rest of the library. */
struct ht_config ht_config = {.rate = 1, .depth = 128};
struct ht_process ht_process = {.exe = "/stress", .name = "stress", .cwd = "/"};

static atomic_long failures;
static atomic_ulong passed[HT_AT_COUNT];
static uint64_t seed = 1;
static __thread uint64_t random_state;
static pthread_barrier_t barrier;
static atomic_bool done;
static void (*watcher)(const struct ht_view *);

void ht_check_failed(const char *file, int line, const char *claim, const char *condition)
{
    static atomic_int said[4096];
    if (atomic_fetch_add(&failures, 1) < 1000 && !atomic_exchange(&said[line % 4096], 1))
        fprintf(stderr, "%s:%d: %s: does not hold (%s)\n", file, line, claim, condition);
}

uint64_t ht_next_random(void)
{
    random_state += 0x9e3779b97f4a7c15ull;
    return ht_mix(random_state);
}

unsigned long ht_passed(enum ht_yield_point_id point)
{
    return atomic_load(&passed[point]);
}

void (*ht_at_point)(enum ht_yield_point_id point);

/* Mostly nothing or a moment; now and then long enough for everybody else to come by. */
void ht_yield_point(enum ht_yield_point_id point)
{
    if (point == HT_AT_LOCK) {
        sched_yield();
        return;
    }
    atomic_fetch_add_explicit(&passed[point], 1, memory_order_relaxed);
    if (ht_at_point)
        ht_at_point(point);
    uint64_t x = ht_next_random();
    switch (x & 15) {
    case 0:
    case 1:
    case 2:
        sched_yield();
        return;
    case 3:
        for (volatile unsigned i = (x >> 8) & 511; i; i--)
            ;
        return;
    default:
        if ((x >> 16 & 511) == 0)
            nanosleep(&(struct timespec){0, (long)(x >> 32) & 0x1ffff}, NULL);
    }
}

void ht_together(void)
{
    pthread_barrier_wait(&barrier);
}

struct worker {
    void (*work)(unsigned);
    unsigned thread;
};

static void *worker(void *arg)
{
    const struct worker *w = arg;
    random_state = seed * 1000003 + w->thread;
    ht_tls.thread_slot = w->thread + 1;
    ht_tls.reentrancy_depth = 1;
    ht_together();
    w->work(w->thread);
    return NULL;
}

static void *watch(void *arg)
{
    random_state = seed * 1000003 + THREADS;
    while (!done) {
        struct ht_view v;
        ht_own_view(&v);
        watcher(&v);
    }
    return arg;
}

void ht_crowd(void (*work)(unsigned), void (*watch_with)(const struct ht_view *))
{
    pthread_t t[THREADS], r;
    struct worker w[THREADS];
    done = false;
    watcher = watch_with;
    pthread_barrier_init(&barrier, NULL, THREADS);
    if (watcher)
        pthread_create(&r, NULL, watch, NULL);
    for (unsigned i = 0; i < THREADS; i++) {
        w[i] = (struct worker){work, i};
        pthread_create(&t[i], NULL, worker, &w[i]);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    done = true;
    if (watcher)
        pthread_join(r, NULL);
    pthread_barrier_destroy(&barrier);
}

static const struct table {
    const char *name;
    void (*run)(void);
    enum ht_yield_point_id points[4]; /* that must have been passed */
} tables[] = {
    {"chunks", stress_chunks, {HT_AT_CURSOR, HT_AT_CHUNK}},
    {"frames", stress_frames, {HT_AT_FRAME}},
    {"stacks", stress_stacks, {HT_AT_STACK}},
    {"sites", stress_sites, {HT_AT_SITE}},
    {"shards", stress_shards, {HT_AT_SHARDS, HT_AT_VIEW}},
    {"labels", stress_labels, {HT_AT_LABELS}},
    {"modules", stress_modules, {HT_AT_MODULE}},
    {"nodes", stress_nodes, {HT_AT_NODES}},
    {"live", stress_live, {HT_AT_LIVE, HT_AT_NODES, HT_AT_FILTER, HT_AT_REGION_RECORD}},
    {"pending", stress_pending, {HT_AT_PENDING}},
    {"trail", stress_trail, {HT_AT_WALK_CACHE, HT_AT_STACK_CACHE}},
    {"place", stress_place, {HT_AT_PLACE, HT_AT_FILTER}},
    {"weights", stress_weights, {HT_AT_WEIGHTS}},
    {"fold", stress_fold, {HT_AT_FOLD}},
    {"mappings", stress_mappings, {HT_AT_MAPPINGS}},
};

int main(int argc, char **argv)
{
    const struct table *t = NULL;
    for (size_t i = 0; argc > 1 && i < sizeof tables / sizeof *tables; i++)
        if (!strcmp(argv[1], tables[i].name))
            t = &tables[i];
    if (!t) {
        fprintf(stderr, "usage: stress TABLE [SEED]\n");
        return 2;
    }
    if (argc > 2)
        seed = strtoull(argv[2], NULL, 10);
    ht_state =
        mmap(NULL, sizeof *ht_state, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    atomic_store(&ht_rate, 1);
    CHECK(!ht_region_create(false), "the region is made");
    atomic_store(&ht_state->active, HT_ACTIVE);
    ht_tls.reentrancy_depth = 1;
    t->run();
    for (int i = 0; i < 4; i++)
        CHECK(!t->points[i] || ht_passed(t->points[i]) > 100,
              "each yield point was passed often enough");
    for (int i = 0; i < HT_LOSS_COUNT; i++)
        CHECK(atomic_load(&ht_state->header->losses[i]) == 0, "nothing was lost");
    printf("%s, seed %llu: %ld failures\n", t->name, (unsigned long long)seed, (long)failures);
    return failures != 0;
}

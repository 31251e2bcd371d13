/* SPDX-License-Identifier: MIT */
/*
 * interleave [CASE]: two or three threads at one table of the library's own code (no model of it), in every order that
 * the points of HT_YIELD_POINT allow, or, where those are too many, in every order with few switches away
 * from a thread that could go on (Musuvathi and Qadeer, 2007). The threads are coroutines: one runs until its next point,
 * then another is chosen; all choices are gone through depth first, each from the start. Memory is as
 * one thread after the other sees it: what a processor may reorder is not shown (on x86 only a load
 * before an earlier store).
 * Seen failing: tests/tables/mutants runs it beside the stress of the same name.
 */
#include "config.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "interleave.h"
#include "target/process/create.h"
#include "target/state/process_info.h"
#include "target/tables/live.h"

struct ht_config ht_config = {.rate = 1, .depth = 128};
struct ht_process ht_process = {.exe = "/interleave", .name = "interleave", .cwd = "/"};

enum { MOST_THREADS = 3, MOST_STEPS = 400, STACK = 65536 };

static struct thread {
    ucontext_t first; /* until its first point; then `here`, which takes no system call */
    jmp_buf here;
    struct ht_tls tls;
    bool begun, done;
    bool waits; /* for a lock: not worth a turn until another had one */
    char stack[STACK] __attribute__((aligned(64)));
} threads[MOST_THREADS];
static jmp_buf scheduler;
static unsigned running;
static bool inside; /* a thread, not the scheduler or a case's beginning and end */
static const struct ht_case *now;

/* What was chosen at each step, of how many, and how many switches that took. */
static struct choice {
    unsigned char chosen, of;
} path[MOST_STEPS];
static unsigned depth, known;
static char order[MOST_STEPS + 1];
static unsigned long failures;

void ht_check_failed(const char *file, int line, const char *claim, const char *condition)
{
    if (failures++ == 0)
        fprintf(stderr, "%s:%d: %s: %s: does not hold (%s), in the order %.*s\n", file, line,
                now->name, claim, condition, (int)depth, order);
}

void ht_yield_point(enum ht_yield_point_id point)
{
    if (!inside)
        return;
    struct thread *t = &threads[running];
    t->waits = point == HT_AT_LOCK;
    if (!_setjmp(t->here))
        _longjmp(scheduler, 1);
}

static void body(void)
{
    now->run(running);
    threads[running].done = true;
    _longjmp(scheduler, 1);
}

static void start(unsigned i)
{
    struct thread *t = &threads[i];
    t->begun = t->done = t->waits = false;
    t->tls = (struct ht_tls){.thread_slot = i, .reentrancy_depth = 1};
}

static void turn(const unsigned i)
{
    static struct ht_tls mine; /* not on the stack: setjmp */
    mine = ht_tls;
    running = i;
    ht_tls = threads[i].tls;
    inside = true;
    if (!_setjmp(scheduler)) {
        if (threads[i].begun)
            _longjmp(threads[i].here, 1);
        threads[i].begun = true;
        setcontext(&threads[i].first);
    }
    inside = false;
    threads[i].tls = ht_tls;
    ht_tls = mine;
    for (unsigned k = 0; k < now->threads && !threads[i].waits; k++)
        threads[k].waits = false;
}

/* Who may go next, the one that ran first. */
static unsigned enabled(unsigned last, unsigned switches_left, unsigned *who)
{
    unsigned n = 0;
    bool goes_on = !threads[last].done && !threads[last].waits, all_wait = true;
    for (unsigned k = 0; k < now->threads; k++)
        all_wait &= threads[k].done || threads[k].waits;
    for (unsigned k = 0; k < now->threads && all_wait; k++)
        threads[k].waits =
            false; /* what one waited for may be free: at the least, they all give up */
    if (goes_on)
        who[n++] = last;
    for (unsigned k = 0; k < now->threads && (!goes_on || switches_left); k++)
        if (k != last && !threads[k].done && !threads[k].waits)
            who[n++] = k;
    return n;
}

static void run_once(void)
{
    unsigned last = 0, left = now->switches, who[MOST_THREADS], n;
    now->begin();
    for (unsigned i = 0; i < now->threads; i++)
        start(i);
    for (depth = 0; (n = enabled(last, left, who)); depth++) {
        if (!CHECK(
                depth < MOST_STEPS,
                "some thread can go on: not all wait for each other")) /* all wait for each other */
            exit(1);
        if (depth >= known)
            path[known++] = (struct choice){0, (unsigned char)n};
        if (!CHECK(
                path[depth].of == n,
                "a case starts the same each time")) /* else a case does not start each time from the same */
            exit(1);
        unsigned next = who[path[depth].chosen];
        if (next != last && !threads[last].done && !threads[last].waits)
            left--;
        order[depth] = (char)('1' + next);
        turn(last = next);
        if (now->always)
            now->always();
    }
    now->end();
}

static bool next_path(void)
{
    while (known && path[known - 1].chosen + 1 == path[known - 1].of)
        known--;
    if (known)
        path[known - 1].chosen++;
    return known > 0;
}

/* Empties the tables as far as a case may have filled them: one chunk of each kind stays. */
static void reset(void)
{
    struct ht_state *s = ht_state;
    uint32_t n = atomic_load(&s->header->n_chunks);
    for (uint32_t i = 0; i < n; i++) {
        struct ht_chunk *c =
            (struct ht_chunk *)(s->base + HT_HEADER_SIZE + (uint64_t)i * HT_CHUNK_SIZE);
        bool stays = i < HT_KIND_COUNT - 1;
        uint64_t used = (uint32_t)atomic_load(&s->cursors[c->kind]) *
                        (uint64_t)(c->kind == HT_KIND_DATA ? 8 : ht_kind_size(c->kind));
        if (stays)
            memset(c + 1, 0, used < HT_CHUNK_SIZE / 2 ? used : HT_CHUNK_SIZE - sizeof *c);
        else
            memset(c, 0, HT_CHUNK_SIZE);
    }
    for (uint32_t i = 0; i < HT_KIND_COUNT - 1; i++)
        atomic_store(&s->cursors[HT_KIND_MODULE + i], (uint64_t)(i + 1) << 32);
    atomic_store(&s->header->n_chunks, HT_KIND_COUNT - 1);
    memset((void *)s->frame_roots, 0, sizeof s->frame_roots);
    for (uint32_t i = 0; i < HT_STACK_SHARDS; i++) {
        struct ht_stack_shard *shard = &s->stack_shards[i];
        _Atomic ht_ref *table = atomic_load(&shard->table);
        if (table)
            memset((void *)(table + 1), 0, atomic_load(&table[0]) * sizeof *table);
        atomic_store(&shard->count, 0);
        atomic_store(&shard->lock, 0);
    }
    memset((void *)s->sites, 0, sizeof s->sites);
    memset((void *)s->modules, 0, sizeof s->modules);
    memset((void *)s->label_slots, 0, sizeof s->label_slots);
    atomic_store(&s->header->n_label_sets, 0);
    ht_live_adopt();
}

static void make_chunks(void)
{
    for (uint32_t kind = HT_KIND_MODULE; kind < HT_KIND_COUNT; kind++)
        CHECK(kind == HT_KIND_DATA ? ht_data_new(8) : ht_record_new(kind),
              "there is room for a record");
}

int main(int argc, char **argv)
{
    static bool found;
    ht_state =
        mmap(NULL, sizeof *ht_state, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    now = &ht_cases[0];
    atomic_store(&ht_rate, 1);
    CHECK(!ht_region_create(false), "the region is made");
    atomic_store(&ht_state->active, HT_ACTIVE);
    ht_tls.reentrancy_depth = 1;
    make_chunks();
    for (unsigned i = 0; i < MOST_THREADS; i++) {
        getcontext(&threads[i].first);
        threads[i].first.uc_stack = (stack_t){.ss_sp = threads[i].stack, .ss_size = STACK};
        makecontext(&threads[i].first, body, 0);
    }
    for (unsigned i = 0; i < ht_n_cases; i++) {
        now = &ht_cases[i];
        if (argc > 1 && strcmp(argv[1], now->name))
            continue;
        found = true;
        unsigned long orders = 0, before = failures;
        known = 0;
        do {
            reset();
            run_once();
            orders++;
        } while (failures == before && next_path());
        for (int k = 0; k < HT_LOSS_COUNT; k++)
            CHECK(atomic_load(&ht_state->header->losses[k]) == 0, "nothing was lost");
        printf("%s: %lu orders of %u threads, %lu failures\n", now->name, orders, now->threads,
               failures - before);
    }
    if (!found) {
        fprintf(stderr, "interleave: no case \"%s\"\n", argv[1]);
        return 2;
    }
    return failures != 0;
}

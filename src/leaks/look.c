/* SPDX-License-Identifier: MIT */
/*
 * Nothing stands still: a pointer that moves from where the pass has not been to where it was is
 * missed by that pass. So a block is leaked only if every pass missed it, and passes go on for as
 * long as they find pointers that others missed.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "leaks/areas.h"
#include "leaks/graph.h"
#include "leaks/hold.h"
#include "leaks/index.h"
#include "leaks/leaks.h"
#include "leaks/records.h"
#include "leaks/threads.h"

/* So many passes in a row must change nothing, once pointers were seen to move, or where a pass
 * costs little. A pass misses one that moves between n places as fast as it can with (1-1/n)^n at
 * most: 37 %; 20 passes with 2e-9. */
#define UNCHANGED 20u
#define LITTLE    (64u << 20)
#define APART_NS                                                                                   \
    20000000u /* between passes that are waited for no longer: by chance up to twice \
                               */
#define PROGRESS_NS 100000000u

struct look {
    struct ht_remote *r;
    const struct ht_leak_options *o;
    struct ht_leaks *l;
    struct ht_leak_index *x;
    bool *candidate, *seen, *gone;
    struct ht_leak_graph graph; /* exact mode */
    uint32_t *at;               /* of words that may point into a block */
    uint64_t done, resident, shown_ns;
    struct ht_leak_records records;
    bool moved; /* a later pass found what an earlier one missed */
    struct ht_leak_hold hold;
};

static void show_progress(struct look *k, uint64_t bytes)
{
    k->done += bytes;
    if (!k->o->progress)
        return;
    uint64_t now = ht_leak_now_ns();
    if (now - k->shown_ns < PROGRESS_NS)
        return;
    k->shown_ns = now;
    k->o->progress(k->o->ctx, k->l, k->done, k->resident);
}

/* A block's own words do not hold it. */
static bool is_inside(const struct ht_leak_block *b, uint64_t at)
{
    return at - b->addr < b->size;
}

static void point_from(struct look *k, uint64_t at, uint64_t word)
{
    const struct ht_leaks *l = k->l;
    for (size_t i = ht_leak_find(k->x, word & HT_LEAK_ADDRESS, l->n); i < l->n;
         i = ht_leak_find(k->x, word & HT_LEAK_ADDRESS, i)) {
        if (k->seen[i] || is_inside(&l->block[i], at))
            continue;
        size_t from = l->exact && at ? ht_leak_find(k->x, at, l->n) : l->n;
        if (from < l->n && !k->gone[from])
            ht_leak_graph_add(&k->graph, (uint32_t)from, (uint32_t)i);
        else if (!at || !ht_leak_is_record(&k->records, k->r, at, word, &l->block[i]))
            k->seen[i] = true;
    }
}

static void take_words(void *ctx, uint64_t at, const uint64_t *words, size_t n)
{
    struct look *k = ctx;
    size_t hits = ht_leak_filter(k->x, words, n, k->at);
    for (size_t i = 0; i < hits; i++)
        point_from(k, at + 8 * (uint64_t)k->at[i], words[k->at[i]]);
    show_progress(k, 8 * n);
}

static void take_loose_words(void *ctx, const uint64_t *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        point_from(ctx, 0, words[i]);
}

/* Reads an area, less the parts of stacks that are not in use. */
static int read_area(struct ht_leak_reader *d, const struct ht_leak_area *a,
                     const struct ht_leak_threads *t, bool backwards)
{
    uint64_t at = a->start;
    for (size_t i = 0; i < t->n && at < a->end; i++) {
        const struct ht_leak_unused *u = &t->unused[i];
        if (u->end <= at || u->start >= a->end)
            continue;
        if (u->start > at) {
            int err = ht_leak_reader_read(d, a, at, u->start, backwards);
            if (err)
                return err;
        }
        at = u->end;
    }
    return at < a->end ? ht_leak_reader_read(d, a, at, a->end, backwards) : 0;
}

static int read_all(struct look *k, struct ht_leak_reader *d, const struct ht_leak_areas *areas,
                    const struct ht_leak_threads *t, bool backwards)
{
    int err = 0;
    for (size_t i = 0; !err && i < areas->n; i++)
        err = read_area(d, &areas->area[backwards ? areas->n - 1 - i : i], t, backwards);
    /* A thread that ran since may have pointers there now. */
    for (size_t i = 0; !err && i < t->n; i++) {
        const struct ht_leak_unused *u = &t->unused[i];
        const struct ht_leak_area a = {.start = u->start, .end = u->end};
        if (!ht_leak_unused_still(k->r, u))
            err = ht_leak_reader_read(d, &a, u->start, u->end, backwards);
    }
    return err;
}

static int pass(struct look *k, unsigned number)
{
    struct ht_leak_areas areas = {0};
    struct ht_leak_threads threads = {0};
    struct ht_leak_reader d = {.pagemap = -1};
    struct ht_leaks *l = k->l;
    memset(k->seen, 0, l->n);
    k->graph.n_edges = 0;
    k->done = 0;
    int err = ht_leak_areas_read(k->r, &l->region.view, &areas);
    if (!err)
        err = ht_leak_threads_read(k->r, l->block, l->n, &threads);
    k->resident = areas.resident;
    k->records = ht_leak_records_of(k->r);
    ht_remote_forget(k->r);
    if (!err)
        err = ht_leak_reader_open(&d, k->r, k->o->budget);
    d.fn = take_words;
    d.ctx = k;
    d.cancel = k->o->cancel;
    if (!err) {
        /* What the kernel holds, on both sides of what memory holds. */
        take_loose_words(k, threads.word, threads.n_words);
        take_loose_words(k, k->hold.word, k->hold.n_words);
        err = read_all(k, &d, &areas, &threads, number % 2);
    }
    if (!err) {
        l->read = d.read;
        l->read_ns = ht_leak_now_ns() - d.began_ns - d.waited_ns;
        l->threads = threads.threads;
        memcpy(l->unseen, d.unseen, sizeof l->unseen);
    }
    ht_leak_reader_close(&d);
    ht_leak_threads_free(&threads);
    free(areas.area);
    return err ? err : k->graph.failed ? -ENOMEM : 0;
}

/* Blocks whose record is another one, or none, by now. */
static int find_gone(struct look *k, char *msg, size_t msg_size)
{
    struct ht_region now;
    struct ht_leaks *l = k->l;
    int err = ht_region_open_pid(&now, k->r->pid, msg, msg_size);
    if (err)
        return err;
    if (!now.alive || now.view.header->checksum != l->region.view.header->checksum ||
        now.view.header->start_mono_ns != l->region.view.header->start_mono_ns) {
        snprintf(msg, msg_size, "process %d ended, or became another program, meanwhile",
                 (int)k->r->pid);
        err = -ESRCH;
    }
    for (size_t i = 0; !err && i < l->n; i++) {
        const struct ht_leak_block *b = &l->block[i];
        const struct ht_live *record = ht_view_at(&now.view, b->record, sizeof *record);
        struct ht_live live;
        if (!record || !ht_view_live(record, &live) || live.addr != b->addr ||
            live.sequence != b->sequence)
            k->gone[i] = true;
    }
    l->lost_frees = atomic_load(&now.view.header->losses[HT_LOSS_FREE]);
    ht_region_close(&now);
    return err;
}

/* What the pass found is no candidate any more. How many are left; *found: how many were found. */
static size_t settle(struct look *k, size_t *found)
{
    size_t left = 0;
    *found = 0;
    for (size_t i = 0; i < k->l->n; i++) {
        *found += k->candidate[i] && k->seen[i] && !k->gone[i];
        k->candidate[i] = k->candidate[i] && !k->seen[i] && !k->gone[i];
        left += k->candidate[i];
    }
    return left;
}

/* Exact mode: the contents of a block that is gone may be another's, and so a root's. */
static int reach(struct look *k)
{
    struct ht_leak_graph *g = &k->graph;
    for (size_t i = 0; i < g->n_edges; i++)
        if (k->gone[g->edge[i].from])
            k->seen[g->edge[i].to] = true;
    return ht_leak_graph_reach(g, k->seen, k->l->n);
}

static void wait_until(uint64_t due_ns)
{
    uint64_t now = ht_leak_now_ns();
    if (due_ns <= now)
        return;
    struct timespec t = {(time_t)((due_ns - now) / 1000000000u),
                         (long)((due_ns - now) % 1000000000u)};
    nanosleep(&t, NULL);
}

static bool enough(const struct look *k, unsigned done, unsigned unchanged)
{
    const struct ht_leaks *l = k->l;
    if (done == HT_LEAK_PASSES || (done && !l->candidates[done - 1]))
        return true;
    if (done && k->hold.all)
        return true;
    if (done < k->o->passes)
        return false;
    return (!k->moved && l->read > LITTLE) || unchanged >= UNCHANGED;
}

static int make_index(struct look *k)
{
    ht_leak_index_destroy(k->x);
    k->x =
        ht_leak_index_create(k->l->block, k->l->n, k->l->exact ? NULL : k->candidate, k->o->plain);
    return k->x ? 0 : -ENOMEM;
}

static int passes(struct look *k, char *msg, size_t msg_size)
{
    struct ht_leaks *l = k->l;
    unsigned unchanged = 0, *n = &l->n_passes;
    while (!enough(k, *n, unchanged)) {
        uint64_t began = ht_leak_now_ns();
        int err = make_index(k);
        if (!err)
            err = pass(k, *n);
        if (!err && l->exact)
            err = find_gone(k, msg, msg_size);
        if (!err && l->exact)
            err = reach(k);
        if (err)
            return err;
        size_t found;
        l->candidates[*n] = settle(k, &found);
        bool moved = *n && found;
        k->moved |= moved;
        unchanged = moved ? 0 : unchanged + 1;
        ++*n;
        if (k->o->progress)
            k->o->progress(k->o->ctx, l, k->resident, k->resident);
        if (!enough(k, *n, unchanged))
            wait_until(*n < k->o->passes
                           ? began + k->o->every_ns
                           : ht_leak_now_ns() + APART_NS + (uint64_t)random() % APART_NS);
    }
    return 0;
}

static int registers(struct look *k)
{
    struct ht_leaks *l = k->l;
    memset(k->seen, 0, l->n);
    int err = make_index(k);
    if (!err)
        err = ht_leak_registers(k->r, l, take_loose_words, k);
    if (!err && l->exact)
        err = reach(k);
    if (!err)
        settle(k, &l->in_registers);
    return err;
}

static int by_address(const void *a, const void *b)
{
    uint64_t x = ((const struct ht_leak_block *)a)->addr,
             y = ((const struct ht_leak_block *)b)->addr;
    return x < y ? -1 : x > y;
}

/* The live blocks of the region; mappings that the program made itself are not asked about. */
static int collect(struct ht_leaks *l)
{
    struct ht_cursor c = {.kind = HT_KIND_LIVE};
    const struct ht_live *record;
    struct ht_live live;
    size_t room = 0;
    l->exact = true;
    while ((record = ht_view_next(&l->region.view, &c))) {
        if (!ht_view_live(record, &live))
            continue;
        const struct ht_site *site = ht_view_record(&l->region.view, live.site, HT_KIND_SITE);
        if (!site || (site->flags & HT_SITE_MAPPING) || !live.addr ||
            live.size > HT_LEAK_ADDRESS >> 1 || live.addr > HT_LEAK_ADDRESS >> 1)
            continue;
        if (l->n == room) {
            room = room ? 2 * room : 1024;
            struct ht_leak_block *more = reallocarray(l->block, room, sizeof *more);
            if (!more)
                return -ENOMEM;
            l->block = more;
        }
        l->exact &= site->rate <= 1;
        l->block[l->n++] = (struct ht_leak_block){.addr = live.addr,
                                                  .size = live.size,
                                                  .record = c.ref,
                                                  .site = live.site,
                                                  .sequence = live.sequence,
                                                  .time = live.time};
    }
    if (l->n)
        qsort(l->block, l->n, sizeof *l->block, by_address);
    return l->n < UINT32_MAX ? 0 : -E2BIG;
}

static int grade(struct look *k)
{
    struct ht_leaks *l = k->l;
    int err = l->exact ? ht_leak_graph_heads(&k->graph, l->block, k->candidate, l->n) : 0;
    size_t kept = 0;
    for (size_t i = 0; i < l->n && !err; i++) {
        if (!l->exact && k->candidate[i])
            l->block[i].grade = HT_LEAK_UNREFERENCED;
        l->n_of[l->block[i].grade]++;
        l->freed += k->gone[i];
        kept += !k->gone[i];
    }
    l->n_of[HT_LEAK_NONE] = kept - l->n_of[HT_LEAK_UNREFERENCED] - l->n_of[HT_LEAK_UNREACHABLE];
    uint64_t start = l->region.view.header->start_mono_ns, now = ht_leak_now_ns();
    l->now_s = now > start ? (now - start) / 1000000000u : 0;
    return err;
}

static int look(struct look *k, char *msg, size_t msg_size)
{
    struct ht_leaks *l = k->l;
    int err = collect(l);
    k->candidate = malloc(l->n + 1);
    k->seen = calloc(l->n + 1, 1);
    k->gone = calloc(l->n + 1, 1);
    k->at = malloc(HT_LEAK_READ / 8 * sizeof *k->at);
    if (!err && (!k->candidate || !k->seen || !k->gone || !k->at))
        err = -ENOMEM;
    if (!err)
        memset(k->candidate, 1, l->n);
    if (!err)
        err = passes(k, msg, msg_size);
    if (!err && k->o->stop)
        err = registers(k);
    if (!err)
        err = find_gone(k, msg, msg_size);
    if (!err) {
        size_t found;
        memset(k->seen, 0, l->n);
        settle(k, &found);
        err = grade(k);
    }
    return err;
}

int ht_leaks_look(struct ht_remote *r, const struct ht_leak_options *o, struct ht_leaks *out,
                  char *msg, size_t msg_size)
{
    struct look k = {.r = r, .o = o, .l = out};
    *out = (struct ht_leaks){0};
    *msg = '\0';
    int err = o->ending ? ht_leak_hold(r, &k.hold) : 0;
    if (!err)
        err = ht_region_open_pid(&out->region, r->pid, msg, msg_size);
    if (err) {
        /* said below */
    } else if (!out->region.alive) {
        snprintf(msg, msg_size, "process %d has ended: its memory is gone", (int)r->pid);
        err = -ESRCH;
    } else {
        err = look(&k, msg, msg_size);
    }
    if (err == -ESRCH && !*msg)
        snprintf(msg, msg_size, "process %d ended meanwhile", (int)r->pid);
    else if (err && !*msg)
        snprintf(msg, msg_size, "process %d cannot be looked through: %s", (int)r->pid,
                 strerror(-err));
    if (k.hold.all) {
        out->ending = true;
        out->threads = k.hold.threads;
        out->stopped = (unsigned)k.hold.n;
        out->longest_stop_ns = k.hold.n ? ht_leak_now_ns() - k.hold.began_ns : 0;
    }
    ht_leak_release(&k.hold);
    ht_leak_index_destroy(k.x);
    ht_leak_graph_free(&k.graph);
    free(k.candidate);
    free(k.seen);
    free(k.gone);
    free(k.at);
    return err;
}

void ht_leaks_free(struct ht_leaks *l)
{
    if (l->region.copy)
        ht_region_close(&l->region);
    free(l->block);
    l->block = NULL;
}

/* SPDX-License-Identifier: MIT */
/* Some words do not count as pointers: those in heaptap's own memory and in free memory, a block's
 * words that point into itself, and an allocator's records of a block. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "leaks/look.h"
#include "leaks/walk.h"

#define PROGRESS_NS 100000000u

static void show_progress(void *ctx, uint64_t read)
{
    struct ht_leak_search *k = ctx;
    k->done = read;
    if (!k->o->progress)
        return;
    uint64_t now = ht_leak_now_ns();
    if (now - k->shown_ns < PROGRESS_NS)
        return;
    k->shown_ns = now;
    k->o->progress(k->o->ctx, k->l, k->done, k->resident);
}

/* Whether the word lies in the block itself, and so does not hold it. */
static bool is_inside(const struct ht_leak_block *b, uint64_t at)
{
    return at - b->addr < b->size;
}

/* Takes in a word of a block. In a block that some pass has reached it counts as a root. */
static void point_from(struct ht_leak_search *k, uint64_t at, uint64_t word)
{
    bool known = k->l->exact || k->walk || k->roots, loose = ht_leak_is_loose(at);
    uint64_t to = word & HT_LEAK_ADDRESS;
    for (size_t i = ht_leak_find(k->x, to, k->n); i < k->n; i = ht_leak_find(k->x, to, i)) {
        if ((k->seen[i] && !k->roots) || is_inside(&k->node[i], at))
            continue;
        size_t from = known && !loose ? ht_leak_find(k->x, at, k->n) : k->n;
        if (from < k->n && k->candidate[from] && !k->gone[from])
            ht_leak_graph_add(&k->graph, (uint32_t)from, (uint32_t)i);
        else if (!loose && ht_leak_is_record(&k->records, k->r, at, word, &k->node[i]))
            continue;
        else if (k->roots)
            ht_leak_roots_add(k->roots, at, (uint32_t)i);
        else
            k->seen[i] = true;
    }
}

static void take_words(void *ctx, uint64_t at, const uint64_t *words, size_t n)
{
    struct ht_leak_search *k = ctx;
    size_t hits = ht_leak_filter(k->x, words, n, k->at);
    hits = ht_leak_prepare(k->x, words, k->at, hits);
    for (size_t i = 0; i < hits; i++)
        point_from(k, at + 8 * (uint64_t)k->at[i], words[k->at[i]]);
}

void ht_leak_take_loose(void *ctx, const uint64_t *words, const uint64_t *from, size_t n)
{
    struct ht_leak_search *k = ctx;
    for (size_t i = 0; i < n; i++) {
        uint64_t at = from ? from[i] : HT_LEAK_LOOSE;
        if (k->whole)
            ht_leak_heap_root(k->whole, at, words[i]);
        else
            point_from(k, at, words[i]);
    }
}

/* Reads an area, without the unused parts of stacks. */
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

static int read_areas(struct ht_leak_search *k, struct ht_leak_reader *d,
                      const struct ht_leak_areas *areas, const struct ht_leak_threads *t,
                      bool backwards)
{
    int err = 0;
    d->fn = k->whole ? ht_leak_heap_loose : take_words;
    d->ctx = k->whole ? (void *)k->whole : k;
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

/* Reads the heaps that are walked, always from their starts. */
static int read_heaps(struct ht_leak_search *k, struct ht_leak_reader *d,
                      const struct ht_memory_heaps *heaps, uint64_t *not_walked)
{
    struct ht_leak_walk_to to;
    int err = 0;
    if (k->whole) {
        ht_leak_heap_walk_to(k->whole, &to);
    } else {
        ht_leak_check_to(k, &to);
        to.words = to.loose = take_words;
        to.runs = true;
    }
    for (size_t i = 0; i < heaps->n && !err; i++)
        err = ht_leak_walk(d, heaps, &heaps->heap[i], &to, not_walked);
    return err;
}

/* Takes in the registers of stopped threads, and the copies of their stacks. */
static void take_copies(struct ht_leak_search *k)
{
    for (size_t i = 0; i < k->n_copies; i++) {
        const struct ht_who_copy *c = &k->copy[i];
        uint64_t from[HT_N_REGS];
        for (unsigned n = 0; n < HT_N_REGS; n++)
            from[n] = ht_leak_loose(HT_LOOSE_REGISTER, n, c->tid);
        ht_leak_take_loose(k, c->regs, from, HT_N_REGS);
        if (k->whole) {
            ht_leak_heap_loose(k->whole, c->at, c->word, c->n);
            continue;
        }
        /* In parts, for which k->at has room. */
        for (size_t at = 0; at < c->n; at += HT_LEAK_READ / 8)
            take_words(k, c->at + 8 * (uint64_t)at, c->word + at,
                       c->n - at < HT_LEAK_READ / 8 ? c->n - at : HT_LEAK_READ / 8);
    }
}

static int read_all(struct ht_leak_search *k, struct ht_leak_reader *d,
                    const struct ht_leak_areas *areas, const struct ht_memory_heaps *heaps,
                    const struct ht_leak_threads *t, bool backwards)
{
    uint64_t not_walked = 0;
    /* Words that the kernel has are read before memory and after it, because they move too. */
    ht_leak_take_loose(k, t->word, t->from, t->n_words);
    ht_leak_take_loose(k, k->hold.word, NULL, k->hold.n_words);
    take_copies(k);
    int err = backwards ? read_heaps(k, d, heaps, &not_walked) : 0;
    if (!err)
        err = read_areas(k, d, areas, t, backwards);
    if (!err && !backwards)
        err = read_heaps(k, d, heaps, &not_walked);
    k->l->not_walked = not_walked;
    return err;
}

static int prepare(struct ht_leak_search *k, struct ht_leak_areas *areas,
                   struct ht_memory_heaps *heaps, struct ht_leak_threads *threads,
                   struct ht_leak_reader *d, bool whole)
{
    int err = ht_leak_areas_read(k->r, &k->l->region.view, areas);
    if (!err)
        err = ht_leak_threads_read(k->r, k->l->block, k->l->n, threads);
    k->resident = areas->resident;
    k->records = ht_leak_records_of(k->r);
    ht_remote_forget(k->r);
    if (!err)
        err = ht_leak_reader_open(d, k->r, k->o->budget);
    d->cancel = k->o->cancel;
    d->told = show_progress;
    d->told_ctx = k;
    if (!err && k->walk)
        err = ht_leak_cut_heaps(k, areas, heaps);
    for (size_t i = 0; i < k->n_copies && !err; i++)
        ht_leak_areas_cut(areas, k->copy[i].at, k->copy[i].at + 8 * (uint64_t)k->copy[i].n, false);
    if (!err && whole)
        err = ht_leak_whole_begin(k, areas, heaps, d);
    return err;
}

int ht_leak_pass(struct ht_leak_search *k, unsigned number)
{
    struct ht_leak_areas areas = {0};
    struct ht_memory_heaps heaps = {0};
    struct ht_leak_threads threads = {0};
    struct ht_leak_reader d = {.pagemap = -1};
    struct ht_leaks *l = k->l;
    k->graph.n_edges = 0;
    k->done = 0;
    int err = prepare(k, &areas, &heaps, &threads, &d, k->walk && !number);
    if (!err && !k->whole)
        memset(k->seen, 0, k->n);
    if (!err && k->met)
        memset(k->met, 0, k->n);
    if (!err)
        err = read_all(k, &d, &areas, &heaps, &threads, number % 2);
    if (!err && k->met)
        ht_leak_check_mapped(k, &d);
    if (!err) {
        l->read = d.read;
        l->read_ns = ht_leak_now_ns() - d.began_ns - d.waited_ns;
        l->threads = threads.threads;
        memcpy(l->unseen, d.unseen, sizeof l->unseen);
    }
    ht_leak_reader_close(&d);
    ht_leak_threads_free(&threads);
    ht_memory_heaps_free(&heaps);
    free(areas.area);
    return err ? err : k->graph.failed ? -ENOMEM : 0;
}

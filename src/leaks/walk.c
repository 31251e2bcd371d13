/* SPDX-License-Identifier: MIT */
/*
 * A chunk begins with the size of the chunk before it (if that is free), and its own size. A chunk
 * is free if the next chunk's flag says so, if it is in a thread's cache (a mark in it shows that),
 * or if it is in a fast bin.
 */
#include "config.h"

#include "leaks/walk.h"

#include <stdlib.h>
#include <string.h>

enum {
    PREV_INUSE = 1,
    IS_MMAPPED = 2,
    NON_MAIN_ARENA = 4,
    FLAGS = 7,
    LEAST = 32,
    FENCE = 48,        /* bytes at the end of a full heap, which are no chunk */
    FAST_MOST = 176,   /* the largest chunk that may be in a fast bin */
    CACHE_MOST = 1056, /* the largest chunk in a thread's cache */
    PAGE = 4096,
    BACK = 8, /* how many earlier places the walk can go back to */
    TRIES = 24,
};

enum state { WALK, TOP, FENCED, CUT, TORN };

/* Where the walk was at the start of a part. */
struct place {
    uint64_t part; /* the address from which it was read */
    uint64_t at, next;
    bool used;
};

struct walk {
    struct ht_leak_reader *d;
    const struct ht_memory_heaps *of;
    const struct ht_memory_heap *h;
    const struct ht_leak_walk_to *to;
    struct place now;
    enum state state;
    bool header; /* a chunk's header was met in this part */
};

static bool is_top(struct walk *w, uint64_t at)
{
    uint64_t top;
    return ht_leak_reader_word(w->d, w->h->top_at, &top) && top == at;
}

static bool may_be_head(const struct walk *w, uint64_t head)
{
    uint64_t size = head & ~(uint64_t)FLAGS;
    return size >= LEAST && !(size & 15) && !(head & IS_MMAPPED) &&
           !((head & NON_MAIN_ARENA) && w->h->of_main);
}

/* Judges a chunk that ends at the heap's end, or behind the end that was read before. The top chunk
 * does not have the flag of its arena. */
static enum state judge_last(struct walk *w, uint64_t at, uint64_t head)
{
    uint64_t after, behind = at + (head & ~(uint64_t)FLAGS) + 8;
    if (is_top(w, at))
        return TOP;
    return may_be_head(w, head) && ht_leak_reader_word(w->d, behind, &after) &&
                   may_be_head(w, after)
               ? CUT
               : TORN;
}

static bool is_one_of(const uint64_t *list, size_t n, uint64_t w)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list[middle] < w)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && list[low] == w;
}

/* Whether the chunk is in a list of free chunks that are marked as in use. */
static bool is_cached(const struct walk *w, uint64_t at, uint64_t size, uint64_t second)
{
    return (size <= CACHE_MOST && is_one_of(w->of->key, w->of->n_keys, second)) ||
           (size <= FAST_MOST && is_one_of(w->of->fast, w->of->n_fast, at));
}

/* Judges the chunk at now.next by the memory that was read. */
static void meet(struct walk *w, const uint64_t *words, uint64_t start, uint64_t end)
{
    uint64_t at = w->now.next, head = words[(at + 8 - start) / 8], size = head & ~(uint64_t)FLAGS;
    if (size >= w->h->end - at) {
        w->state = judge_last(w, at, head);
    } else if (!may_be_head(w, head)) {
        w->state = w->h->end - at <= FENCE ? FENCED : TORN;
    } else if (!w->now.used && w->now.at &&
               ((head & PREV_INUSE) ? false : words[(at - start) / 8] != at - w->now.at)) {
        w->state = TORN; /* a free chunk's size must stand behind it too */
    } else {
        uint64_t next = at + size, after = 0;
        bool there = next + 16 <= end;
        if (there)
            after = words[(next + 8 - start) / 8];
        else
            there = ht_leak_reader_word(w->d, next + 8, &after);
        bool used = !there || (after & PREV_INUSE);
        if (there && used && !(head & NON_MAIN_ARENA) && !w->h->of_main) {
            w->state = TORN; /* a chunk loses the flag of its arena when it is put into a bin */
            return;
        }
        if (used && at + 32 <= end && is_cached(w, at, size, words[(at + 24 - start) / 8]))
            used = false;
        w->now.at = at;
        w->now.next = next;
        w->now.used = used;
        w->header = true;
        w->to->chunk(w->to->ctx, at, size, used);
    }
}

static void feed(void *ctx, uint64_t start, const uint64_t *words, size_t n)
{
    struct walk *w = ctx;
    uint64_t end = start + 8 * (uint64_t)n, from = start, run = start, run_end = start;
    for (bool done = false; w->state == WALK && !done;) {
        uint64_t next = w->now.next, until = next + 8 < end ? next + 8 : end;
        if (next < start) {
            w->state = TORN; /* the page with its header is absent */
            return;
        }
        if (w->now.used && from < until) {
            run = run == run_end ? from : run;
            run_end = until;
        }
        done = next + 16 > end;
        if (!done && w->to->runs) {
            from = next + 16;
            meet(w, words, start, end);
            if (w->now.used && w->state == WALK)
                continue;
        }
        if (run < run_end)
            w->to->words(w->to->ctx, run, words + (run - start) / 8, (run_end - run) / 8);
        run = run_end;
        if (!done && !w->to->runs) {
            from = next + 16;
            meet(w, words, start, end);
        }
    }
}

/* Reads the rest as words of no known chunk. */
static int give_up(struct walk *w, uint64_t from, uint64_t *not_walked)
{
    const struct ht_leak_area a = {.start = from, .end = w->h->end};
    *not_walked += w->h->end - from;
    w->d->fn = w->to->loose;
    w->d->ctx = w->to->ctx;
    return ht_leak_reader_read(w->d, &a, from, w->h->end, false);
}

int ht_leak_walk(struct ht_leak_reader *d, const struct ht_memory_heaps *of,
                 const struct ht_memory_heap *h, const struct ht_leak_walk_to *to,
                 uint64_t *not_walked)
{
    const struct ht_leak_area a = {.start = h->start, .end = h->end};
    struct walk w = {.d = d, .of = of, .h = h, .to = to};
    struct place back[BACK] = {{.part = h->first & ~(uint64_t)(PAGE - 1), .next = h->first}};
    size_t n = 1;
    unsigned failed = 0;
    int err = 0;
    uint64_t part = back[0].part, furthest = 0;
    w.now = back[0];
    while (!err && w.state == WALK && part < h->end) {
        uint64_t until = part + HT_LEAK_READ < h->end ? part + HT_LEAK_READ : h->end;
        w.header = false;
        d->fn = feed;
        d->ctx = &w;
        err = ht_leak_reader_read(d, &a, part, until, false);
        part = until;
        if (w.state == TORN && failed < TRIES) {
            /* Tries again from the last place, then from the one before that, and so on. */
            if (failed++ && n > 1)
                n--;
            w.state = WALK;
            w.now = back[n - 1];
            part = w.now.part;
            to->again(to->ctx, w.now.next);
        } else if (w.state == WALK) {
            if (part > furthest)
                failed = 0;
            furthest = part > furthest ? part : furthest;
            if (w.header && n == BACK)
                memmove(back, back + 1, --n * sizeof *back);
            if (w.header) {
                back[n] = w.now;
                back[n++].part = part;
            }
        }
    }
    if (err)
        return err;
    if (w.state == WALK && w.now.next < h->end)
        w.state = TORN; /* the last pages are absent */
    if (w.state == TORN) {
        w.now = back[n - 1];
        to->again(to->ctx, w.now.next);
    }
    to->end(to->ctx, h->first, w.now.next);
    if (w.state == TORN && w.now.at)
        to->doubt(to->ctx, w.now.at);
    if (w.state == TORN)
        return give_up(&w, w.now.part, not_walked);
    return w.state == CUT ? give_up(&w, w.now.next, not_walked) : 0;
}

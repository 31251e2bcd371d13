/* SPDX-License-Identifier: MIT */
/* A bit for each granule, so that what a walk takes back can be cleared. */
#include "config.h"

#include "leaks/fill.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "leaks/areas.h"
#include "leaks/look.h"
#include "leaks/walk.h"

enum { PAGE = 4096, GRANULE = 16, PER_PAGE = PAGE / GRANULE, BITS = 64 };

/* Sets or clears the granules from one address to another, as far as they lie in the part. */
static void mark(struct ht_heap_fill_part *p, uint64_t from, uint64_t to, bool used)
{
    from = from < p->start ? p->start : from;
    to = to > p->end ? p->end : to;
    for (uint64_t g = (from - p->start) / GRANULE, end = (to - p->start) / GRANULE;
         from < to && g < end;) {
        const uint64_t here = end - g < BITS - g % BITS ? end - g : BITS - g % BITS;
        const uint64_t bits = (here == BITS ? ~0ull : (1ull << here) - 1) << g % BITS;
        if (used)
            p->used[g / BITS] |= bits;
        else
            p->used[g / BITS] &= ~bits;
        g += here;
    }
}

static void take_chunk(void *ctx, uint64_t at, uint64_t size, bool used)
{
    if (used)
        mark(ctx, at, at + size, true);
}

static void take_back(void *ctx, uint64_t from)
{
    struct ht_heap_fill_part *p = ctx;
    mark(p, from, p->end, false);
}

static void no_words(void *ctx, uint64_t at, const uint64_t *words, size_t n)
{
    (void)ctx;
    (void)at;
    (void)words;
    (void)n;
}

static void no_end(void *ctx, uint64_t first, uint64_t at)
{
    (void)ctx;
    (void)first;
    (void)at;
}

static void no_doubt(void *ctx, uint64_t at)
{
    (void)ctx;
    (void)at;
}

static int walk(struct ht_leak_reader *d, const struct ht_memory_heaps *heaps,
                struct ht_heap_fill *f)
{
    int err = 0;
    for (size_t i = 0; i < heaps->n && !err; i++) {
        const struct ht_memory_heap *h = &heaps->heap[i];
        struct ht_heap_fill_part *p = &f->part[f->n];
        const struct ht_leak_walk_to to = {.chunk = take_chunk,
                                           .words = no_words,
                                           .runs = true,
                                           .again = take_back,
                                           .end = no_end,
                                           .doubt = no_doubt,
                                           .loose = no_words,
                                           .ctx = p};
        p->start = h->start & ~(uint64_t)(PAGE - 1);
        p->end = (h->end + PAGE - 1) & ~(uint64_t)(PAGE - 1);
        p->used = calloc((p->end - p->start) / GRANULE / BITS + 1, sizeof *p->used);
        if (!p->used)
            return -ENOMEM;
        f->n++;
        err = ht_leak_walk(d, heaps, h, &to, &f->not_walked);
    }
    return err;
}

int ht_heap_fill_read(struct ht_remote *r, struct ht_heap_fill *f, char *msg, size_t msg_size)
{
    struct ht_memory_heaps heaps = {0};
    struct ht_leak_reader d = {.pagemap = -1};
    *f = (struct ht_heap_fill){0};
    int err = ht_remote_maps(r);
    const char *other = err ? NULL : ht_leak_other_allocator(r);
    if (other) {
        snprintf(msg, msg_size, "the allocator is %.80s, and not glibc's", other);
        return -ENOTSUP;
    }
    if (!err)
        err = ht_memory_heaps_find(r, &heaps);
    if (!err && !(f->part = calloc(heaps.n + 1, sizeof *f->part)))
        err = -ENOMEM;
    if (!err)
        err = ht_leak_reader_open(&d, r, 0);
    if (!err)
        err = walk(&d, &heaps, f);
    ht_leak_reader_close(&d);
    ht_memory_heaps_free(&heaps);
    if (err == -ENOENT) {
        snprintf(msg, msg_size, "no heap of glibc's malloc was recognised");
        return -ENOTSUP;
    }
    if (err)
        snprintf(msg, msg_size, "cannot read its heap: %s", strerror(-err));
    return err;
}

void ht_heap_fill_finish(struct ht_heap_fill *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->part[i].used);
    free(f->part);
    *f = (struct ht_heap_fill){0};
}

static uint32_t used_of(const struct ht_heap_fill_part *p, uint64_t page)
{
    const uint64_t *bits = p->used + page * (PER_PAGE / BITS);
    unsigned n = 0;
    for (unsigned i = 0; i < PER_PAGE / BITS; i++)
        n += (unsigned)__builtin_popcountll(bits[i]);
    return n * GRANULE;
}

uint32_t ht_heap_fill_of(const struct ht_heap_fill *f, uint64_t address)
{
    size_t low = 0, high = f->n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (f->part[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == f->n || address < f->part[low].start)
        return 0;
    const struct ht_heap_fill_part *p = &f->part[low];
    return used_of(p, (address - p->start) / PAGE);
}

void ht_heap_fill_sum(const struct ht_heap_fill *f, uint32_t most, uint64_t *pages, uint64_t *used)
{
    *pages = *used = 0;
    for (size_t i = 0; i < f->n; i++)
        for (uint64_t k = 0, n = (f->part[i].end - f->part[i].start) / PAGE; k < n; k++) {
            const uint32_t here = used_of(&f->part[i], k);
            *pages += here && here <= most;
            *used += here <= most ? here : 0;
        }
}

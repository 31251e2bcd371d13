/* SPDX-License-Identifier: MIT */
/*
 * In exact mode a page's live bytes are those of its records. Else the heap is walked, and each
 * sampled block that lies on such a page stands for as many as its probability says.
 */
#include "config.h"

#include "snapshot/sparse.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "region/weight.h"
#include "snapshot/site_sums.h"

/* A part of an object that lies on one page. */
struct piece {
    uint64_t page;
    uint32_t bytes;
    ht_ref site;
    bool first; /* of the object */
};

struct pieces {
    struct piece *list;
    size_t n, room;
};

static bool add_piece(struct pieces *p, const struct piece *one)
{
    if (p->n == p->room) {
        size_t room = p->room ? 2 * p->room : 1024;
        struct piece *more = reallocarray(p->list, room, sizeof *more);
        if (!more)
            return false;
        p->list = more;
        p->room = room;
    }
    p->list[p->n++] = *one;
    return true;
}

static int by_page(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    return x->page < y->page ? -1 : x->page > y->page;
}

enum { PAGE = 4096 };

/* The first and the last page of each object; those between are full. 0 or -errno. */
static int cut_objects(struct pieces *p, const struct ht_view *v)
{
    struct ht_cursor c = {.kind = HT_KIND_LIVE};
    const struct ht_live *record;
    struct ht_live l;
    while ((record = ht_view_next(v, &c))) {
        const struct ht_site *site;
        if (!ht_view_live(record, &l) || !l.size || l.size > 1ull << 47 ||
            !(site = ht_view_record(v, l.site, HT_KIND_SITE)))
            continue;
        if (site->rate != 1)
            return -ENODATA;
        const uint64_t end = l.addr + l.size, last = (end - 1) / PAGE;
        struct piece one = {l.addr / PAGE, 0, l.site, true};
        const uint64_t here = PAGE - l.addr % PAGE;
        one.bytes = (uint32_t)(l.size < here ? l.size : here);
        if (!add_piece(p, &one))
            return -ENOMEM;
        if (last == one.page)
            continue;
        one = (struct piece){last, (uint32_t)(end - last * PAGE), l.site, false};
        if (!add_piece(p, &one))
            return -ENOMEM;
    }
    return 0;
}

/* What is empty on a page belongs to its objects by their bytes; the page, to the largest of
 * them. */
static bool share(struct ht_site_sums *s, const struct piece *list, size_t n,
                  ht_mapping_look_fn look, void *ctx)
{
    uint64_t live = 0, mapped, resident;
    size_t largest = 0;
    for (size_t i = 0; i < n; i++) {
        live += list[i].bytes;
        if (list[i].bytes > list[largest].bytes)
            largest = i;
    }
    if (!live || live > PAGE / HT_SPARSE)
        return true;
    look(ctx, list->page * PAGE, (list->page + 1) * PAGE, &mapped, &resident);
    if (!resident)
        return true;
    int64_t rest = (int64_t)(PAGE - live);
    for (size_t i = 0; i < n; i++) {
        const int64_t mine = (int64_t)((PAGE - live) * list[i].bytes / live);
        rest -= mine;
        const struct ht_values one = {i == largest, list[i].bytes, list[i].first, mine};
        if (!ht_site_sums_add(s, list[i].site, &one))
            return false;
    }
    const struct ht_values rounding = {0, 0, 0, rest};
    return ht_site_sums_add(s, list[largest].site, &rounding);
}

struct ht_profile *ht_region_sparse(const struct ht_region *r, ht_mapping_look_fn look, void *ctx,
                                    int *err, char *msg, size_t msg_size)
{
    struct pieces pieces = {0};
    struct ht_site_sums sums = {0};
    struct ht_profile *p = NULL;
    *err = cut_objects(&pieces, &r->view);
    if (pieces.n)
        qsort(pieces.list, pieces.n, sizeof *pieces.list, by_page);
    for (size_t i = 0, k; !*err && i < pieces.n; i = k) {
        for (k = i + 1; k < pieces.n && pieces.list[k].page == pieces.list[i].page;)
            k++;
        if (!share(&sums, &pieces.list[i], k - i, look, ctx))
            *err = -ENOMEM;
    }
    if (!*err)
        p = ht_site_sums_profile(&sums, r, err, msg, msg_size);
    else
        snprintf(msg, msg_size,
                 *err == -ENODATA ? "pages are known in exact mode alone: run it with --exact"
                                  : "out of memory");
    free(pieces.list);
    ht_site_sums_finish(&sums);
    return p;
}

/* --- of samples ---------------------------------------------------------------------------------
 */

/* What one site's samples stand for. */
struct estimate {
    ht_ref site;
    double pages, bytes, empty;
    uint64_t samples;
};

struct estimates {
    struct estimate *list;
    size_t n, room;
};

static bool add_estimate(struct estimates *all, const struct estimate *one)
{
    if (all->n == all->room) {
        const size_t room = all->room ? 2 * all->room : 256;
        struct estimate *more = reallocarray(all->list, room, sizeof *more);
        if (!more)
            return false;
        all->list = more;
        all->room = room;
    }
    all->list[all->n++] = *one;
    return true;
}

static int by_site(const void *a, const void *b)
{
    const ht_ref x = ((const struct estimate *)a)->site, y = ((const struct estimate *)b)->site;
    return x < y ? -1 : x > y;
}

/* A chunk of glibc's: 8 bytes more than its block, in steps of 16, 32 at least. It begins 16 bytes
 * before the block. */
static uint64_t chunk_size(uint64_t size)
{
    const uint64_t n = (size + 8 + 15) & ~15ull;
    return n < 32 ? 32 : n;
}

/* The share that a chunk has of its pages of which little is in use. */
static void weigh(struct estimate *e, uint64_t from, uint64_t to, double weight,
                  ht_page_used_fn used, void *ctx)
{
    for (uint64_t page = from / PAGE, last = (to - 1) / PAGE; page <= last;
         page = page < last ? last : last + 1) { /* those between are full */
        const uint64_t start = page * PAGE, end = start + PAGE;
        const double mine = (double)((to < end ? to : end) - (from > start ? from : start));
        const double all = used(ctx, start);
        if (all < mine || all > (double)PAGE / HT_SPARSE)
            continue; /* it was freed meanwhile, or the page is full enough */
        e->pages += weight * mine / all;
        e->bytes += weight * mine;
        e->empty += weight * mine / all * (PAGE - all);
        e->samples = 1;
    }
}

static int estimate(struct estimates *all, const struct ht_view *v, ht_page_used_fn used, void *ctx)
{
    struct ht_cursor c = {.kind = HT_KIND_LIVE};
    const struct ht_live *record;
    struct ht_live l;
    while ((record = ht_view_next(v, &c))) {
        const struct ht_site *site;
        if (!ht_view_live(record, &l) || l.size > 1ull << 47 || l.addr < 16 ||
            !(site = ht_view_record(v, l.site, HT_KIND_SITE)))
            continue;
        if (site->rate >= HT_SPARSE_RATE && l.size <= HT_SPARSE_PLACED)
            return -ENODATA;
        const uint64_t chunk = l.addr - 16;
        struct estimate one = {.site = l.site};
        weigh(&one, chunk, chunk + chunk_size(l.size), 1 / ht_probability(l.size, site->rate), used,
              ctx);
        if (one.samples && !add_estimate(all, &one))
            return -ENOMEM;
    }
    return 0;
}

static bool sum_up(struct estimates *all, struct ht_site_sums *sums)
{
    if (all->n)
        qsort(all->list, all->n, sizeof *all->list, by_site);
    for (size_t i = 0, k; i < all->n; i = k) {
        struct estimate e = all->list[i];
        for (k = i + 1; k < all->n && all->list[k].site == e.site; k++) {
            e.pages += all->list[k].pages;
            e.bytes += all->list[k].bytes;
            e.empty += all->list[k].empty;
            e.samples += all->list[k].samples;
        }
        const struct ht_values v = {llround(e.pages), llround(e.bytes), (int64_t)e.samples,
                                    llround(e.empty)};
        if (!ht_site_sums_add(sums, e.site, &v))
            return false;
    }
    return true;
}

struct ht_profile *ht_region_sparse_estimated(const struct ht_region *r, ht_page_used_fn used,
                                              void *ctx, int *err, char *msg, size_t msg_size)
{
    struct estimates all = {0};
    struct ht_site_sums sums = {0};
    struct ht_profile *p = NULL;
    *err = atomic_load(&r->view.header->rate) >= HT_SPARSE_RATE
               ? -ENODATA
               : estimate(&all, &r->view, used, ctx);
    if (!*err && !sum_up(&all, &sums))
        *err = -ENOMEM;
    if (!*err)
        p = ht_site_sums_profile(&sums, r, err, msg, msg_size);
    else
        snprintf(msg, msg_size,
                 *err == -ENODATA ? "at this rate small sampled blocks lie on pages of their own: "
                                    "run it with --rate=64k or less, or with --exact"
                                  : "out of memory");
    free(all.list);
    ht_site_sums_finish(&sums);
    return p;
}

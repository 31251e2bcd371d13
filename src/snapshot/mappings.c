/* SPDX-License-Identifier: MIT */
/* The records of mappings are summed up by site; pages are of exact live records. */
#include "config.h"

#include "snapshot/mappings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "snapshot/site_sums.h"

bool ht_region_has_mappings(const struct ht_region *r)
{
    return atomic_load(&r->view.header->flags) & HT_REGION_MAPPINGS;
}

static bool collect(struct ht_site_sums *s, const struct ht_view *v, ht_mapping_look_fn look,
                    void *ctx)
{
    struct ht_cursor c = {.kind = HT_KIND_MAPPING};
    const struct ht_live *record;
    struct ht_live l;
    while ((record = ht_view_next(v, &c))) {
        uint64_t mapped = 0, resident = 0;
        if (!ht_view_live(record, &l) || l.size > 1ull << 56)
            continue;
        look(ctx, l.addr, l.addr + l.size, &mapped, &resident);
        const struct ht_values one = {1, (int64_t)mapped, 1, (int64_t)resident};
        if (mapped && !ht_site_sums_add(s, l.site, &one))
            return false;
    }
    return true;
}

struct ht_profile *ht_region_mappings(const struct ht_region *r, ht_mapping_look_fn look, void *ctx,
                                      int *err, char *msg, size_t msg_size)
{
    struct ht_site_sums sums = {.mappings = true};
    struct ht_profile *p = NULL;
    *err = -ENOMEM;
    snprintf(msg, msg_size, "out of memory");
    if (collect(&sums, &r->view, look, ctx))
        p = ht_site_sums_profile(&sums, r, err, msg, msg_size);
    ht_site_sums_finish(&sums);
    return p;
}

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

/* SPDX-License-Identifier: MIT */
/* A row of the table is found by its owners and places. The addresses of a root's words, and the
 * lengths of runs of blocks, may differ within one row; the row has their ranges. */
#include "config.h"

#include "leaks/who_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/hash.h"

#define CONFIDENCE 0.95

static uint64_t mix(uint64_t h, uint64_t word)
{
    h = (h ^ word) * HT_GOLDEN_RATIO;
    return h ^ h >> 29;
}

static uint64_t hash_of(uint32_t owner, const struct ht_who_holder *h, uint32_t n, bool cut)
{
    uint64_t sum = mix(owner, 2ull * n + cut);
    for (uint32_t i = 0; i < n; i++)
        sum = mix(sum, (uint64_t)h[i].kind << 32 | h[i].name);
    return sum;
}

static bool same(const struct ht_who_row *r, uint32_t owner, const struct ht_who_way *way)
{
    bool is = r->owner == owner && r->n_holders == way->n && r->cut == way->cut;
    for (uint32_t i = 0; is && i < way->n; i++)
        is = r->holder[i].kind == way->holder[i].kind && r->holder[i].name == way->holder[i].name;
    return is;
}

static int grow(struct ht_who_rows *rows)
{
    struct ht_who *w = rows->w;
    size_t n = rows->n_slots ? 2 * rows->n_slots : 256;
    uint32_t *slot = calloc(n, sizeof *slot);
    if (!slot)
        return -ENOMEM;
    for (size_t i = 0; i < w->n; i++) {
        const struct ht_who_row *r = &w->row[i];
        size_t at = hash_of(r->owner, r->holder, r->n_holders, r->cut) & (n - 1);
        while (slot[at])
            at = (at + 1) & (n - 1);
        slot[at] = (uint32_t)i + 1;
    }
    free(rows->slot);
    rows->slot = slot;
    rows->n_slots = n;
    return 0;
}

static struct ht_who_row *new_row(struct ht_who *w, uint32_t owner, const struct ht_who_way *way)
{
    if (w->n == w->room) {
        size_t room = w->room ? 2 * w->room : 64;
        struct ht_who_row *more = reallocarray(w->row, room, sizeof *more);
        if (!more)
            return NULL;
        w->row = more;
        w->room = room;
    }
    struct ht_who_row *r = &w->row[w->n];
    *r = (struct ht_who_row){.owner = owner, .n_holders = way->n, .cut = way->cut};
    r->holder = malloc((way->n + 1) * sizeof *r->holder);
    if (!r->holder)
        return NULL;
    memcpy(r->holder, way->holder, way->n * sizeof *r->holder);
    w->n++;
    return r;
}

static void widen(struct ht_who_holder *h, const struct ht_who_holder *by)
{
    h->least = by->least < h->least ? by->least : h->least;
    h->most = by->most > h->most ? by->most : h->most;
    h->low = by->low < h->low ? by->low : h->low;
    h->high = by->high > h->high ? by->high : h->high;
    h->aged |= by->aged;
    h->oldest_s = by->oldest_s > h->oldest_s ? by->oldest_s : h->oldest_s;
    if (by->tid != h->tid)
        h->tid = 0;
}

int ht_who_rows_add(struct ht_who_rows *rows, uint32_t owner, const struct ht_leak_block *b,
                    double rate, uint64_t age_s, const struct ht_who_way *way)
{
    struct ht_who *w = rows->w;
    if (2 * w->n >= rows->n_slots && grow(rows))
        return -ENOMEM;
    size_t at = hash_of(owner, way->holder, way->n, way->cut) & (rows->n_slots - 1);
    while (rows->slot[at] && !same(&w->row[rows->slot[at] - 1], owner, way))
        at = (at + 1) & (rows->n_slots - 1);
    struct ht_who_row *r;
    if (rows->slot[at]) {
        r = &w->row[rows->slot[at] - 1];
    } else {
        r = new_row(w, owner, way);
        if (!r)
            return -ENOMEM;
        rows->slot[at] = (uint32_t)w->n;
    }
    for (uint32_t i = 0; i < way->n; i++)
        widen(&r->holder[i], &way->holder[i]);
    ht_leak_evidence_add(&r->bytes, &r->objects, b->size, rate);
    r->blocks++;
    r->own = way->own > r->own ? way->own : r->own;
    r->rate = rate > r->rate ? rate : r->rate;
    r->oldest_s = age_s > r->oldest_s ? age_s : r->oldest_s;
    return 0;
}

static int by_weight(const void *pa, const void *pb)
{
    const struct ht_who_row *a = pa, *b = pb;
    double x = a->bytes.value, y = b->bytes.value;
    if (x != y)
        return (x < y) - (x > y);
    return a->owner != b->owner ? (a->owner > b->owner) - (a->owner < b->owner)
                                : (int)a->n_holders - (int)b->n_holders;
}

void ht_who_rows_finish(struct ht_who_rows *rows)
{
    if (rows->w->n)
        qsort(rows->w->row, rows->w->n, sizeof *rows->w->row, by_weight);
    free(rows->slot);
    rows->slot = NULL;
    rows->n_slots = 0;
}

static struct ht_interval interval(const struct ht_evidence *e, double rate, double by)
{
    return rate <= 1 ? (struct ht_interval){e->value, e->value}
                     : ht_evidence_interval(e, by, CONFIDENCE);
}

struct ht_interval ht_who_bytes(const struct ht_who_row *r)
{
    return interval(&r->bytes, r->rate, r->rate);
}

struct ht_interval ht_who_objects(const struct ht_who_row *r)
{
    return interval(&r->objects, r->rate, 0);
}

/* SPDX-License-Identifier: MIT */
/*
 * The region is streamed as a profile, as for every report, but each site in parts: its leaked
 * blocks of each grade, and the rest. While the profile is being made, a part has the number of its
 * row in the label "age", which is replaced afterwards.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "leaks/leaks.h"
#include "profile/ops.h"
#include "profile/profile.h"
#include "region/stream.h"
#include "region/weight.h"
#include "util/buffer.h"

/* Sums with fractions, as the region keeps them; they are rounded once, at the end. */
struct sum {
    uint64_t objects, object_fraction, bytes, byte_fraction;
};

struct maker {
    const struct ht_leaks *l;
    struct ht_leak_rows *out;
    struct sum *sum; /* of each row */
};

static int by_site_and_grade(const void *pa, const void *pb)
{
    const struct ht_leak_block *a = *(const struct ht_leak_block *const *)pa,
                               *b = *(const struct ht_leak_block *const *)pb;
    if (a->site != b->site)
        return a->site < b->site ? -1 : 1;
    return (int)a->grade - (int)b->grade;
}

void ht_leak_evidence_add(struct ht_evidence *bytes, struct ht_evidence *objects, uint64_t size,
                          double rate)
{
    struct ht_observation o = {.size = (double)size};
    ht_observation_sample(&o, rate, true);
    o.value = (double)size / o.p;
    o.unit = (double)size;
    if (size)
        ht_evidence_add(bytes, &o);
    o.value = 1 / o.p;
    o.unit = 1;
    ht_evidence_add(objects, &o);
}

static void add(struct maker *m, size_t row, const struct ht_leak_block *b)
{
    struct ht_leak_row *r = &m->out->row[row];
    struct ht_split objects, bytes;
    ht_leak_evidence_add(&r->bytes, &r->objects, b->size, (double)r->rate);
    uint64_t age = m->l->now_s > b->time ? m->l->now_s - b->time : 0;
    if (age > r->oldest_s)
        r->oldest_s = age;
    r->blocks++;
    ht_weights(b->size, r->rate, &objects, &bytes);
    struct sum *s = &m->sum[row];
    s->objects += objects.whole;
    s->object_fraction += objects.fraction;
    s->bytes += bytes.whole;
    s->byte_fraction += bytes.fraction;
}

/* Makes a row for the leaked blocks of each site and grade. */
static int make_rows(struct maker *m)
{
    const struct ht_leaks *l = m->l;
    size_t n = 0;
    const struct ht_leak_block **leaked = calloc(l->n + 1, sizeof *leaked);
    m->out->row = calloc(l->n + 1, sizeof *m->out->row);
    m->sum = calloc(l->n + 1, sizeof *m->sum);
    if (!leaked || !m->out->row || !m->sum) {
        free(leaked);
        return -ENOMEM;
    }
    for (size_t i = 0; i < l->n; i++)
        if (l->block[i].grade != HT_LEAK_NONE)
            leaked[n++] = &l->block[i];
    if (n)
        qsort(leaked, n, sizeof *leaked, by_site_and_grade);
    for (size_t i = 0; i < n; i++) {
        if (!i || by_site_and_grade(&leaked[i], &leaked[i - 1])) {
            const struct ht_site *site =
                ht_view_record(&l->region.view, leaked[i]->site, HT_KIND_SITE);
            m->out->row[m->out->n++] = (struct ht_leak_row){
                .site = leaked[i]->site,
                .grade = leaked[i]->grade,
                .rate = site && site->rate < 1ull << 50 ? site->rate : 1,
            };
        }
        add(m, m->out->n - 1, leaked[i]);
    }
    free(leaked);
    return 0;
}

static int64_t rounded(uint64_t whole, uint64_t fraction)
{
    __int128 fixed = ((__int128)whole << HT_FRACTION_BITS) + fraction;
    fixed = (fixed + (1 << (HT_FRACTION_BITS - 1))) >> HT_FRACTION_BITS;
    return fixed > INT64_MAX ? INT64_MAX : (int64_t)fixed;
}

static size_t first_row(const struct ht_leak_rows *rows, ht_ref site)
{
    size_t low = 0, high = rows->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rows->row[middle].site < site)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct ht_leak_row *ht_leak_rows_find(const struct ht_leak_rows *rows,
                                            const struct ht_leak_block *b)
{
    for (size_t i = first_row(rows, b->site); i < rows->n && rows->row[i].site == b->site; i++)
        if (rows->row[i].grade == b->grade)
            return &rows->row[i];
    return NULL;
}

static int64_t less(int64_t a, int64_t b)
{
    return a > b ? a - b : 0;
}

/* The parts of a site: its rows, then what is left of it. */
static bool part_of(void *ctx, ht_ref ref, const struct ht_site *site, uint32_t index,
                    struct ht_stream_part *out)
{
    const struct maker *m = ctx;
    const struct ht_leak_rows *rows = m->out;
    size_t first = first_row(rows, ref), n = 0;
    while (first + n < rows->n && rows->row[first + n].site == ref)
        n++;
    out->age = -1;
    if (index < n) {
        const struct sum *s = &m->sum[first + index];
        out->values.inuse_objects = rounded(s->objects, s->object_fraction);
        out->values.inuse_bytes = rounded(s->bytes, s->byte_fraction);
        out->values.alloc_objects = out->values.inuse_objects;
        out->values.alloc_bytes = out->values.inuse_bytes;
        out->age = (int64_t)(first + index);
        return true;
    }
    if (index > n)
        return false;
    ht_site_values(&m->l->region.view, site, &out->values);
    struct ht_values *v = &out->values;
    for (size_t i = 0; i < n; i++) {
        const struct sum *s = &m->sum[first + i];
        int64_t objects = rounded(s->objects, s->object_fraction);
        int64_t bytes = rounded(s->bytes, s->byte_fraction);
        v->alloc_objects = less(v->alloc_objects, objects);
        v->alloc_bytes = less(v->alloc_bytes, bytes);
        v->inuse_objects = less(v->inuse_objects, objects);
        v->inuse_bytes = less(v->inuse_bytes, bytes);
    }
    return true;
}

/* Replaces the row's number by the label "leak". */
static int set_labels(struct ht_leak_rows *rows)
{
    struct ht_profile *p = rows->profile;
    rows->of_sample = malloc((p->n_samples + 1) * sizeof *rows->of_sample);
    if (!rows->of_sample)
        return -ENOMEM;
    for (size_t i = 0; i < p->n_samples; i++) {
        struct ht_sample *s = &p->samples[i];
        rows->of_sample[i] = UINT32_MAX;
        for (uint32_t k = 0; k < s->n_labels; k++) {
            if (s->labels[k].str || strcmp(s->labels[k].key, "age") != 0)
                continue;
            struct ht_label *own = ht_profile_alloc(p, s->n_labels * sizeof *own);
            uint64_t row = (uint64_t)s->labels[k].num;
            if (!own || row >= rows->n)
                return own ? -EINVAL : -ENOMEM;
            memcpy(own, s->labels, s->n_labels * sizeof *own);
            own[k] = (struct ht_label){
                .key = ht_profile_str(p, "leak"),
                .str = ht_profile_str(p, ht_leak_grade_name(rows->row[row].grade)),
                .num_unit = ht_profile_str(p, ""),
            };
            if (!own[k].key || !own[k].str || !own[k].num_unit)
                return -ENOMEM;
            s->labels = own;
            rows->of_sample[i] = (uint32_t)row;
            /* What the site held at the peak belongs to the rest. */
            for (size_t v = 4; v < p->n_sample_types; v++)
                s->values[v] = 0;
            break;
        }
    }
    return 0;
}

static int make_profile(struct maker *m, char *msg, size_t msg_size)
{
    struct ht_buffer b = {0};
    struct ht_stream_workspace *w = malloc(sizeof *w);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const struct ht_stream_options o = {
        .time_nanos = (int64_t)now.tv_sec * 1000000000 + (int64_t)now.tv_nsec,
        .part = part_of,
        .ctx = m,
    };
    int err = -ENOMEM;
    int64_t n = w ? ht_stream_profile(&m->l->region.view, &o, w, ht_buffer_append, &b) : -ENOMEM;
    if (n < 0)
        err = (int)n;
    else
        m->out->profile = ht_profile_decode(b.data, b.size, &err, msg, msg_size);
    free(w);
    free(b.data);
    return m->out->profile ? 0 : err;
}

int ht_leak_rows_make(const struct ht_leaks *l, struct ht_leak_rows *rows, char *msg,
                      size_t msg_size)
{
    struct maker m = {.l = l, .out = rows};
    *rows = (struct ht_leak_rows){0};
    *msg = '\0';
    int err = make_rows(&m);
    if (!err)
        err = make_profile(&m, msg, msg_size);
    if (!err)
        err = set_labels(rows);
    if (!err)
        err = ht_profile_add_comment(rows->profile,
                                     l->exact ? "leaks: all live blocks were asked about"
                                              : "leaks: the live samples were asked about");
    free(m.sum);
    if (err && !*msg)
        snprintf(msg, msg_size, "%s", strerror(-err));
    return err;
}

void ht_leak_rows_free(struct ht_leak_rows *rows)
{
    ht_profile_destroy(rows->profile);
    free(rows->row);
    free(rows->of_sample);
    *rows = (struct ht_leak_rows){0};
}

struct ht_profile *ht_leak_rows_leaked(const struct ht_leak_rows *rows)
{
    struct ht_profile *all = ht_profile_copy(rows->profile), *leaked = NULL;
    char msg[128];
    int err;
    if (!all)
        return NULL;
    size_t kept = 0;
    for (size_t i = 0; i < all->n_samples; i++)
        if (rows->of_sample[i] != UINT32_MAX)
            all->samples[kept++] = all->samples[i];
    all->n_samples = kept;
    leaked = ht_profile_compact(all, &err, msg, sizeof msg);
    ht_profile_destroy(all);
    return leaked;
}

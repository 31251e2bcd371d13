/* SPDX-License-Identifier: MIT */
/*
 * Sums the live objects of a region by site and by bucket of age, in one pass over the live
 * table. The stream then asks for a site's sums instead of reading the site's totals.
 */
#include "config.h"

#include "snapshot/age.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "region/weight.h"

/* A bucket's label is the least age in it, in seconds: `-tagfocus=age=600s:` finds the survivors.
 */
static const uint32_t buckets[] = {0, 1, 10, 60, 600, 3600, 6 * 3600, 24 * 3600, 7 * 24 * 3600};
#define N_BUCKETS (uint32_t)(sizeof buckets / sizeof *buckets)

struct sum {
    uint64_t objects, object_fraction, bytes, byte_fraction;
};

struct ht_age_filter {
    const struct ht_view *view;
    bool label, cut;     /* cut: there is an age limit */
    uint32_t parts;      /* sums for each site */
    uint32_t *site_base; /* for each chunk, the number of its first site */
    struct sum *sums;
};

static uint32_t bucket_of(uint64_t seconds)
{
    uint32_t b = 0;
    while (b + 1 < N_BUCKETS && seconds >= buckets[b + 1])
        b++;
    return b;
}

static struct sum *sums_of(const struct ht_age_filter *f, ht_ref ref)
{
    uint64_t at = (uint64_t)ref * 8 - HT_HEADER_SIZE;
    uint64_t index = (at % HT_CHUNK_SIZE - sizeof(struct ht_chunk)) / sizeof(struct ht_site);
    return f->sums + (f->site_base[at / HT_CHUNK_SIZE] + index) * f->parts;
}

/* The time to which ages refer, in seconds since the region was made: now, or the last sample of
 * a process that has ended. */
static uint64_t reference(const struct ht_region *r)
{
    struct timespec now;
    uint64_t start = r->view.header->start_mono_ns, last = 0;
    if (r->alive) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        uint64_t ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
        return ns > start ? (ns - start) / 1000000000u : 0;
    }
    struct ht_cursor c = {.kind = HT_KIND_LIVE};
    const struct ht_live *l;
    while ((l = ht_view_next(&r->view, &c)))
        if (l->time > last)
            last = l->time;
    return last;
}

static void add(struct sum *s, uint64_t size, uint64_t rate)
{
    struct ht_split objects, bytes;
    ht_weights(size, rate, &objects, &bytes);
    s->objects += objects.whole;
    s->object_fraction += objects.fraction;
    s->bytes += bytes.whole;
    s->byte_fraction += bytes.fraction;
}

static void take(struct ht_age_filter *f, uint64_t now, const struct ht_region_ages *ages)
{
    struct ht_cursor c = {.kind = HT_KIND_LIVE};
    const struct ht_live *record;
    struct ht_live l;
    while ((record = ht_view_next(f->view, &c))) {
        if (!ht_view_live(record, &l))
            continue;
        const struct ht_site *site = ht_view_record(f->view, l.site, HT_KIND_SITE);
        uint64_t age = now > l.time ? now - l.time : 0;
        /* More than a process can hold: damaged. */
        if (!site || l.size > 1ull << 50 || site->rate > 1ull << 50 ||
            age * 1000000000u < ages->min_ns || (ages->max_ns && age * 1000000000u > ages->max_ns))
            continue;
        add(sums_of(f, l.site) + (f->label ? bucket_of(age) : 0), l.size, site->rate);
    }
}

struct ht_age_filter *ht_age_filter_create(const struct ht_region *r,
                                           const struct ht_region_ages *ages)
{
    struct ht_age_filter *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->view = &r->view;
    f->label = ages->label;
    f->cut = ages->min_ns || ages->max_ns;
    f->parts = ages->label ? N_BUCKETS : 1;
    uint32_t n = 0;
    f->site_base = calloc((size_t)r->view.n_chunks + 1, sizeof *f->site_base);
    for (uint32_t i = 0; f->site_base && i < r->view.n_chunks; i++) {
        const struct ht_chunk *chunk =
            (const struct ht_chunk *)(r->view.base + HT_HEADER_SIZE + (uint64_t)i * HT_CHUNK_SIZE);
        f->site_base[i] = n;
        if (atomic_load(&chunk->kind) == HT_KIND_SITE)
            n += ht_kind_capacity(HT_KIND_SITE);
    }
    f->sums = f->site_base ? calloc((size_t)n * f->parts + 1, sizeof *f->sums) : NULL;
    if (!f->sums) {
        ht_age_filter_destroy(f);
        return NULL;
    }
    take(f, reference(r), ages);
    return f;
}

void ht_age_filter_destroy(struct ht_age_filter *f)
{
    if (!f)
        return;
    free(f->site_base);
    free(f->sums);
    free(f);
}

static int64_t rounded(uint64_t whole, uint64_t fraction)
{
    __int128 fixed = ((__int128)whole << HT_FRACTION_BITS) + fraction;
    fixed = (fixed + (1 << (HT_FRACTION_BITS - 1))) >> HT_FRACTION_BITS;
    return fixed > INT64_MAX ? INT64_MAX : (int64_t)fixed;
}

static void survivors(const struct sum *s, struct ht_values *v)
{
    v->inuse_objects = v->alloc_objects = rounded(s->objects, s->object_fraction);
    v->inuse_bytes = v->alloc_bytes = rounded(s->bytes, s->byte_fraction);
}

/*
 * Samples of the chosen objects that are alive. With labels and no limits there is one more sample,
 * without a label, for what was allocated and freed, so that the sums stay the same.
 */
bool ht_age_filter_part(void *ctx, ht_ref ref, const struct ht_site *site, uint32_t index,
                        struct ht_stream_part *out)
{
    const struct ht_age_filter *f = ctx;
    const struct sum *sums = sums_of(f, ref);
    out->age = -1;
    if (index < f->parts) {
        survivors(&sums[index], &out->values);
        if (f->label)
            out->age = buckets[index];
        return true;
    }
    if (index > f->parts || f->cut || !f->label)
        return false;
    ht_site_values(f->view, site, &out->values);
    for (uint32_t i = 0; i < f->parts; i++) {
        struct ht_values v;
        survivors(&sums[i], &v);
        out->values.alloc_objects -= v.inuse_objects;
        out->values.alloc_bytes -= v.inuse_bytes;
    }
    out->values.inuse_objects = out->values.inuse_bytes = 0;
    if (out->values.alloc_objects < 0)
        out->values.alloc_objects = 0;
    if (out->values.alloc_bytes < 0)
        out->values.alloc_bytes = 0;
    return true;
}

/* SPDX-License-Identifier: MIT */
/*
 * Sums the live objects of a region by site and by bucket of age, in one pass over the live
 * table. The stream then asks for a site's sums instead of reading the site's totals. Sites are met
 * in any order: of a chunk of them, what the pass needs is kept at the first look.
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

/* Of a chunk of sites. A rate of 0: not known yet. */
struct sites {
    uint64_t *rates;
    struct sum *sums; /* of each site, as many as there are parts */
};

struct ht_age_filter {
    const struct ht_view *view;
    bool label, cut; /* cut: there is an age limit */
    bool failed;     /* out of memory */
    uint32_t parts;
    uint32_t n; /* chunks that the view may have */
    struct sites *chunks;
    unsigned refreshes;
};

/* A region that is damaged has any number of live records without a site. */
enum { REFRESHES = 100 };

static uint32_t bucket_of(uint64_t seconds)
{
    uint32_t b = 0;
    while (b + 1 < N_BUCKETS && seconds >= buckets[b + 1])
        b++;
    return b;
}

static uint32_t chunk_of(ht_ref ref)
{
    return (uint32_t)(((uint64_t)ref * 8 - HT_HEADER_SIZE) / HT_CHUNK_SIZE);
}

static uint32_t index_of(ht_ref ref)
{
    uint64_t at = ((uint64_t)ref * 8 - HT_HEADER_SIZE) % HT_CHUNK_SIZE;
    return (uint32_t)((at - sizeof(struct ht_chunk)) / sizeof(struct ht_site));
}

/* The sums of a site; NULL: nothing of its chunk lives. */
static struct sum *sums_of(const struct ht_age_filter *f, ht_ref ref)
{
    const struct sites *c = &f->chunks[chunk_of(ref)];
    return c->sums ? c->sums + (size_t)index_of(ref) * f->parts : NULL;
}

/* A site that came after what was fetched is worth another look. */
static const struct ht_site *site_at(struct ht_age_filter *f, ht_ref ref)
{
    const struct ht_site *site = ht_view_record(f->view, ref, HT_KIND_SITE);
    if (site || !HT_VIEW_SOURCE(f->view) || f->refreshes == REFRESHES)
        return site;
    f->refreshes++;
    HT_VIEW_SOURCE(f->view)->refresh(HT_VIEW_SOURCE(f->view));
    return ht_view_record(f->view, ref, HT_KIND_SITE);
}

/* Room for the sums of a chunk's sites, and their rates. */
static void take_chunk(struct ht_age_filter *f, uint32_t chunk)
{
    struct sites *c = &f->chunks[chunk];
    const uint32_t n = ht_kind_capacity(HT_KIND_SITE);
    uint64_t at = HT_HEADER_SIZE + (uint64_t)chunk * HT_CHUNK_SIZE + sizeof(struct ht_chunk);
    c->rates = calloc(n, sizeof *c->rates);
    c->sums = calloc((size_t)n * f->parts, sizeof *c->sums);
    f->failed |= !c->rates || !c->sums;
    for (uint32_t i = 0; !f->failed && i < n; i++, at += sizeof(struct ht_site)) {
        const struct ht_site *site = ht_view_record(f->view, (ht_ref)(at / 8), HT_KIND_SITE);
        c->rates[i] = site ? site->rate : 0;
    }
}

/* The rate of a live object's site, for whose sums there is room then. 0: there is no such site, or
 * no memory. */
static uint64_t rate_of(struct ht_age_filter *f, ht_ref ref)
{
    const uint64_t first = HT_HEADER_SIZE + sizeof(struct ht_chunk);
    /* A damaged one may lead to a chunk's head, or behind its last record. */
    if ((uint64_t)ref * 8 < first || chunk_of(ref) >= f->n ||
        index_of(ref) >= ht_kind_capacity(HT_KIND_SITE))
        return 0;
    struct sites *c = &f->chunks[chunk_of(ref)];
    if (c->rates && c->rates[index_of(ref)])
        return c->rates[index_of(ref)];
    if (!site_at(f, ref))
        return 0;
    if (!c->rates)
        take_chunk(f, chunk_of(ref));
    const struct ht_site *site = f->failed ? NULL : ht_view_record(f->view, ref, HT_KIND_SITE);
    return site ? (c->rates[index_of(ref)] = site->rate) : 0;
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
    while (!f->failed && (record = ht_view_next(f->view, &c))) {
        if (!ht_view_live(record, &l))
            continue;
        uint64_t age = now > l.time ? now - l.time : 0;
        if (age * 1000000000u < ages->min_ns || (ages->max_ns && age * 1000000000u > ages->max_ns))
            continue;
        uint64_t rate = rate_of(f, l.site);
        /* More than a process can hold: damaged. */
        if (!rate || l.size > 1ull << 50 || rate > 1ull << 50)
            continue;
        add(sums_of(f, l.site) + (f->label ? bucket_of(age) : 0), l.size, rate);
    }
}

struct ht_age_filter *ht_age_filter_create(const struct ht_region *r, const struct ht_view *view,
                                           const struct ht_region_ages *ages)
{
    struct ht_age_filter *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->view = view;
    f->label = ages->label;
    f->cut = ages->min_ns || ages->max_ns;
    f->parts = ages->label ? N_BUCKETS : 1;
    f->n = (uint32_t)((view->size - HT_HEADER_SIZE) / HT_CHUNK_SIZE);
    f->chunks = calloc((size_t)f->n + 1, sizeof *f->chunks);
    f->failed = !f->chunks;
    if (!f->failed)
        take(f, reference(r), ages);
    if (!f->failed)
        return f;
    ht_age_filter_destroy(f);
    return NULL;
}

void ht_age_filter_destroy(struct ht_age_filter *f)
{
    if (!f)
        return;
    for (uint32_t i = 0; f->chunks && i < f->n; i++) {
        free(f->chunks[i].rates);
        free(f->chunks[i].sums);
    }
    free(f->chunks);
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
    if (!s) {
        *v = (struct ht_values){0};
        return;
    }
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
        survivors(sums ? &sums[index] : NULL, &out->values);
        if (f->label)
            out->age = buckets[index];
        return true;
    }
    if (index > f->parts || f->cut || !f->label)
        return false;
    ht_site_values(f->view, site, &out->values);
    for (uint32_t i = 0; i < f->parts; i++) {
        struct ht_values v;
        survivors(sums ? &sums[i] : NULL, &v);
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

/* SPDX-License-Identifier: MIT */
/*
 * References of a region are offsets: each is checked for its chunk, its kind and its size before
 * it is followed, and a record counts only once its commit word is set. So a region may be read
 * while its process writes it, and a damaged one does no harm.
 */
#include "config.h"

#include "region/view.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "region/yield_point.h"

static int refuse(char *msg, size_t n, const char *why)
{
    if (msg && n) {
        size_t len = strlen(why);
        if (len >= n)
            len = n - 1;
        memcpy(msg, why, len);
        msg[len] = 0;
    }
    return -EINVAL;
}

static bool terminated(const char *s, size_t n)
{
    return memchr(s, 0, n) != NULL;
}

int ht_view_init(struct ht_view *v, const void *base, uint64_t size, char *msg, size_t msg_size)
{
    const struct ht_region_header *h = base;
    if (size < HT_HEADER_SIZE)
        return refuse(msg, msg_size, "too short for a heaptap region");
    if (h->magic == __builtin_bswap64(HT_REGION_MAGIC))
        return refuse(msg, msg_size, "a region of a machine with another byte order");
    if (h->magic != HT_REGION_MAGIC)
        return refuse(msg, msg_size, "not a heaptap region");
    if (h->version != HT_LAYOUT_VERSION) {
        refuse(msg, msg_size, "a region of another heaptap version");
        return -EPROTO;
    }
    if (h->header_size != HT_HEADER_SIZE || h->chunk_size != HT_CHUNK_SIZE)
        return refuse(msg, msg_size, "a region with another layout");
    if (h->checksum != ht_fnv1a(h, offsetof(struct ht_region_header, checksum)))
        return refuse(msg, msg_size, "a region with a damaged header");
    if (!terminated(h->exe, sizeof h->exe) || !terminated(h->output, sizeof h->output) ||
        !terminated(h->name, sizeof h->name) || h->command_line_size > sizeof h->command_line)
        return refuse(msg, msg_size, "a region with a damaged header");
    v->base = base;
    v->size = size;
    v->header = h;
    uint64_t n = (size - HT_HEADER_SIZE) / HT_CHUNK_SIZE;
    uint32_t handed = atomic_load_explicit(&h->n_chunks, memory_order_acquire);
    v->n_chunks = n < handed ? (uint32_t)n : handed;
    v->fold_version = atomic_load_explicit(&h->fold_version, memory_order_acquire);
    v->incomplete = false;
    v->source = NULL;
    return 0;
}

static const struct ht_chunk *chunk_at(const struct ht_view *v, uint64_t i)
{
    return (const struct ht_chunk *)(v->base + HT_HEADER_SIZE + i * HT_CHUNK_SIZE);
}

static uint32_t chunks_of(const struct ht_view *v)
{
    return HT_VIEW_SOURCE(v) ? HT_VIEW_SOURCE(v)->n_chunks : v->n_chunks;
}

static bool fetched(const struct ht_view *v, uint32_t chunk)
{
    return !HT_VIEW_SOURCE(v) || HT_VIEW_SOURCE(v)->fetch(HT_VIEW_SOURCE(v), chunk);
}

static uint32_t kind_of(const struct ht_view *v, uint32_t chunk)
{
    if (HT_VIEW_SOURCE(v))
        return HT_VIEW_SOURCE(v)->kind(HT_VIEW_SOURCE(v), chunk);
    const struct ht_chunk *c = chunk_at(v, chunk);
    return c->magic == HT_CHUNK_MAGIC ? atomic_load_explicit(&c->kind, memory_order_acquire)
                                      : HT_KIND_NONE;
}

const void *ht_view_at(const struct ht_view *v, ht_ref ref, uint64_t n)
{
    uint64_t at = (uint64_t)ref * 8;
    if (at < HT_HEADER_SIZE + sizeof(struct ht_chunk))
        return NULL;
    uint64_t i = (at - HT_HEADER_SIZE) / HT_CHUNK_SIZE;
    uint64_t within = (at - HT_HEADER_SIZE) % HT_CHUNK_SIZE;
    if (i >= chunks_of(v) || within < sizeof(struct ht_chunk) || n > HT_CHUNK_SIZE - within ||
        !fetched(v, (uint32_t)i))
        return NULL;
    return v->base + at;
}

static bool is_committed(const _Atomic uint32_t *commit)
{
    uint32_t c = atomic_load_explicit(commit, memory_order_acquire);
    return c == HT_COMMITTED || c == HT_DETACHED;
}

/* Of a site: and not part of the folded sums. */
static bool counts(const struct ht_view *v, const struct ht_site *s)
{
    if (!is_committed(&s->commit))
        return false;
    uint32_t folded = s->rate == 1 ? 0 : atomic_load_explicit(&s->folded_in, memory_order_relaxed);
    return !folded || (int32_t)(folded - v->fold_version) > 0;
}

static bool committed(const struct ht_view *v, const void *record, uint32_t kind)
{
    switch (kind) {
    case HT_KIND_MODULE:
        return is_committed(&((const struct ht_module *)record)->commit);
    case HT_KIND_FRAME:
        return is_committed(&((const struct ht_frame *)record)->commit);
    case HT_KIND_STACK:
        return is_committed(&((const struct ht_stack *)record)->commit);
    case HT_KIND_SITE:
        return counts(v, record);
    case HT_KIND_LIVE:
    case HT_KIND_MAPPING:
        return atomic_load_explicit(&((const struct ht_live *)record)->addr,
                                    memory_order_acquire) != 0;
    default:
        return false;
    }
}

const void *ht_view_record(const struct ht_view *v, ht_ref ref, uint32_t kind)
{
    uint32_t size = ht_kind_size(kind);
    const unsigned char *p = size ? ht_view_at(v, ref, size) : NULL;
    if (!p)
        return NULL;
    uint64_t i = ((uint64_t)ref * 8 - HT_HEADER_SIZE) / HT_CHUNK_SIZE;
    const struct ht_chunk *c = chunk_at(v, i);
    if (c->magic != HT_CHUNK_MAGIC || atomic_load_explicit(&c->kind, memory_order_acquire) != kind)
        return NULL;
    /* Not beyond those that ht_view_next finds: what one walk names, another one writes. */
    uint64_t within = (uint64_t)(p - (const unsigned char *)c) - sizeof *c;
    if (within % size || within / size >= ht_chunk_records(c, kind))
        return NULL;
    return committed(v, p, kind) ? p : NULL;
}

const void *ht_view_next(const struct ht_view *v, struct ht_cursor *cur)
{
    uint32_t size = ht_kind_size(cur->kind);
    for (; cur->chunk < chunks_of(v); cur->chunk++, cur->index = 0) {
        const struct ht_chunk *c = chunk_at(v, cur->chunk);
        if (kind_of(v, cur->chunk) != cur->kind || !fetched(v, cur->chunk))
            continue;
        uint32_t n = ht_chunk_records(c, cur->kind);
        while (cur->index < n) {
            const unsigned char *p = (const unsigned char *)(c + 1) + (uint64_t)cur->index++ * size;
            if (!committed(v, p, cur->kind))
                continue;
            cur->ref = (ht_ref)((uint64_t)(p - v->base) / 8);
            return p;
        }
    }
    return NULL;
}

const ht_ref *ht_view_frames(const struct ht_view *v, const struct ht_stack *s, uint32_t *n)
{
    *n = s->n_frames;
    if (*n > HT_MAX_DEPTH)
        return NULL;
    return ht_view_at(v, s->frames, (uint64_t)*n * sizeof(ht_ref));
}

const char *ht_view_path(const struct ht_view *v, const struct ht_module *m, uint32_t *n)
{
    uint32_t size = m->path_size;
    const char *s = size <= 4096 ? ht_view_at(v, m->path, (uint64_t)size + 1) : NULL;
    if (!s || s[size] || memchr(s, 0, size)) {
        *n = 0;
        return "";
    }
    *n = size;
    return s;
}

bool ht_view_live(const struct ht_live *record, struct ht_live *copy)
{
    for (int tries = 0; tries < 8; tries++) {
        uint32_t before = atomic_load_explicit(&record->sequence, memory_order_acquire);
        uint64_t addr = atomic_load_explicit(&record->addr, memory_order_acquire);
        if (!addr)
            return false;
        copy->size = __atomic_load_n(&record->size, __ATOMIC_RELAXED);
        HT_YIELD_POINT(VIEW);
        copy->site = __atomic_load_n(&record->site, __ATOMIC_RELAXED);
        copy->time = __atomic_load_n(&record->time, __ATOMIC_RELAXED);
        HT_YIELD_POINT(VIEW);
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&record->sequence, memory_order_relaxed) == before &&
            atomic_load_explicit(&record->addr, memory_order_relaxed) == addr) {
            atomic_init(&copy->addr, addr);
            atomic_init(&copy->sequence, before);
            return true;
        }
    }
    return false;
}

static uint64_t load(const _Atomic uint64_t *p)
{
    return atomic_load_explicit(p, memory_order_relaxed);
}

/* Sums of a site in units of 2^-HT_FRACTION_BITS. */
struct sums {
    __int128 alloc_objects, alloc_bytes, freed_objects, freed_bytes;
};

static const struct ht_counter_shard *cells_of(const struct ht_view *v, const struct ht_site *s)
{
    ht_ref ref = atomic_load_explicit(&s->shards, memory_order_acquire);
    return ref ? ht_view_at(v, ref, HT_COUNTER_SHARDS * sizeof(struct ht_counter_shard)) : NULL;
}

static __int128 whole(const _Atomic uint64_t *n)
{
    return (__int128)load(n) << HT_FRACTION_BITS;
}

static void add_freed(const struct ht_counts *c, struct sums *out)
{
    out->freed_objects += whole(&c->freed_objects);
    out->freed_bytes += whole(&c->freed_bytes);
}

static void add_allocated(const struct ht_counts *c, struct sums *out)
{
    out->alloc_objects += whole(&c->alloc_objects);
    out->alloc_bytes += whole(&c->alloc_bytes);
}

static void add_freed_fractions(const _Atomic uint64_t *fractions, struct sums *out)
{
    out->freed_objects += load(&fractions[2]);
    out->freed_bytes += load(&fractions[3]);
}

static void add_allocated_fractions(const _Atomic uint64_t *fractions, struct sums *out)
{
    out->alloc_objects += load(&fractions[0]);
    out->alloc_bytes += load(&fractions[1]);
}

static void add_up(const struct ht_view *v, const struct ht_site *s, struct sums *out)
{
    const bool exact = s->rate == 1;
    const struct ht_counter_shard *cells = exact ? cells_of(v, s) : NULL;
    *out = (struct sums){0};
    /* Freed before allocated: what is freed in between is at most missing from both. */
    add_freed(&s->own, out);
    if (exact)
        add_freed(&s->shared, out);
    else
        add_freed_fractions(s->fractions, out);
    for (unsigned i = 0; cells && i < HT_COUNTER_SHARDS; i++) {
        add_freed(&cells[i].own, out);
        add_freed(&cells[i].shared, out);
    }
    atomic_thread_fence(memory_order_acquire);
    HT_YIELD_POINT(VIEW);
    add_allocated(&s->own, out);
    if (exact)
        add_allocated(&s->shared, out);
    else
        add_allocated_fractions(s->fractions, out);
    for (unsigned i = 0; cells && i < HT_COUNTER_SHARDS; i++) {
        add_allocated(&cells[i].own, out);
        add_allocated(&cells[i].shared, out);
    }
}

static int64_t rounded(__int128 fixed_point)
{
    if (fixed_point <= 0)
        return 0;
    fixed_point = (fixed_point + (1 << (HT_FRACTION_BITS - 1))) >> HT_FRACTION_BITS;
    return fixed_point > INT64_MAX ? INT64_MAX : (int64_t)fixed_point;
}

static void round_values(const struct sums *t, struct ht_values *out)
{
    out->inuse_objects = rounded(t->alloc_objects - t->freed_objects);
    out->inuse_bytes = rounded(t->alloc_bytes - t->freed_bytes);
    out->alloc_objects = rounded(t->alloc_objects);
    out->alloc_bytes = rounded(t->alloc_bytes);
    if (out->inuse_objects > out->alloc_objects)
        out->inuse_objects = out->alloc_objects;
    if (out->inuse_bytes > out->alloc_bytes)
        out->inuse_bytes = out->alloc_bytes;
}

void ht_site_values(const struct ht_view *v, const struct ht_site *s, struct ht_values *out)
{
    struct sums t;
    add_up(v, s, &t);
    round_values(&t, out);
}

uint64_t ht_site_samples(const struct ht_view *v, const struct ht_site *s)
{
    struct sums t;
    if (s->rate > 1)
        return atomic_load_explicit(&s->alloc_count, memory_order_relaxed);
    add_up(v, s, &t);
    return (uint64_t)rounded(t.alloc_objects);
}

bool ht_view_at_peak(const struct ht_view *v)
{
    return load(&v->header->inuse_bytes) > load(&v->header->peak_bytes);
}

void ht_site_peak(const struct ht_view *v, const struct ht_site *s, uint32_t epoch,
                  const struct ht_values *now, int64_t *objects, int64_t *bytes)
{
    const struct ht_peak *p = s->peak ? ht_view_at(v, s->peak, sizeof *p) : NULL;
    bool kept = p && atomic_load_explicit(&p->epoch, memory_order_acquire) == epoch;
    *objects = kept ? (int64_t)load(&p->objects) : now->inuse_objects;
    *bytes = kept ? (int64_t)load(&p->bytes) : now->inuse_bytes;
}

bool ht_view_folded(const struct ht_view *v, uint32_t size_class, struct ht_folded_values *out)
{
    const struct ht_folded *f = (const struct ht_folded *)(v->base + HT_FOLDED_OFFSET) +
                                (v->fold_version & 1) * HT_FOLDED_CLASSES + size_class;
    const struct sums t = {.alloc_objects = whole(&f->objects) + load(&f->object_fraction),
                           .alloc_bytes = whole(&f->bytes) + load(&f->byte_fraction)};
    *out = (struct ht_folded_values){.samples = load(&f->samples)};
    out->values.alloc_objects = rounded(t.alloc_objects);
    out->values.alloc_bytes = rounded(t.alloc_bytes);
    return out->samples != 0;
}

void ht_region_totals(const struct ht_view *v, struct ht_region_totals *out)
{
    const struct ht_total_cell *cells = (const struct ht_total_cell *)(v->base + HT_TOTALS_OFFSET);
    struct sums t = {0};
    uint64_t freed_samples = 0;
    out->samples = 0;
    for (unsigned i = 0; i < 2 * HT_TOTAL_CELLS; i++) {
        const struct ht_total *c = i % 2 ? &cells[i / 2].shared : &cells[i / 2].own;
        add_freed(&c->counts, &t);
        add_freed_fractions(c->fractions, &t);
        freed_samples += load(&c->freed_samples);
    }
    atomic_thread_fence(memory_order_acquire);
    for (unsigned i = 0; i < 2 * HT_TOTAL_CELLS; i++) {
        const struct ht_total *c = i % 2 ? &cells[i / 2].shared : &cells[i / 2].own;
        add_allocated(&c->counts, &t);
        add_allocated_fractions(c->fractions, &t);
        out->samples += load(&c->alloc_samples);
    }
    round_values(&t, &out->values);
    out->live_samples = out->samples > freed_samples ? out->samples - freed_samples : 0;
}

uint64_t ht_region_samples(const struct ht_view *v)
{
    struct ht_region_totals t;
    ht_region_totals(v, &t);
    return t.samples;
}

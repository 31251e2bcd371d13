/* SPDX-License-Identifier: MIT */
/*
 * gperftools' tcmalloc, from 2.7 on. Three records are looked for: the page heap's figures, of
 * which some are sums of others; the map of size classes, which ascend and fit their spans; and
 * the central lists, one behind the other and numbered. Threads' caches have the classes in them.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "memory/allocators.h"

enum {
    CLASSES_MAX = 128,
    LARGEST = 256 << 10,     /* the largest class */
    LIST_BYTES = 32,         /* of a class in a thread's cache */
    CACHES_MAX = 1 << 16,    /* threads' caches that are followed */
    NEXT_LAST = 96,          /* so far behind the lists is the link to the next cache, at most */
    CENTRAL_BYTES = 1216,    /* of a central list, with what aligns it */
    CENTRAL_SPANS = 16,      /* two lists of spans */
    CENTRAL_SPAN_BYTES = 48, /* a list's head */
    CENTRAL_COUNT = 112,     /* spans, free objects */
    CENTRAL_SLOTS = 1152,    /* lists of free objects that go from thread to thread */
    SLOTS_MAX = 64,
    LOOKS = 8,
};

/* The page heap's figures, as they lie there. */
struct figures {
    uint64_t system, free, unmapped, committed;
    uint64_t scavenges;
    uint64_t commits, commit_bytes, decommits, decommit_bytes;
    uint64_t reserves, reserve_bytes;
};

struct classes {
    uint32_t room; /* of the tables: 96 up to 2.7, then 128 */
    uint32_t n;
    uint32_t size[CLASSES_MAX], batch[CLASSES_MAX];
    uint64_t tail[CLASSES_MAX]; /* what is left at a span's end */
};

struct search {
    struct ht_remote *r;
    struct ht_memory_tcmalloc *t;
    struct figures figures;
    struct classes classes;
    uint64_t central; /* addresses; 0: not found */
    uint64_t cache;
};

/* Before the first free the sums hold of many rows of zeros and of little else. */
static bool is_figures(const struct figures *f)
{
    return f->system >= 4096 && !(f->system & 4095) && f->system < 1ull << 47 &&
           f->reserve_bytes == f->system && f->committed + f->unmapped == f->system &&
           f->commit_bytes - f->decommit_bytes == f->committed && f->free <= f->committed &&
           f->reserves && f->commits >= f->reserves && f->reserves <= f->system / 4096 &&
           !(f->decommits ? f->decommit_bytes < f->unmapped : f->unmapped);
}

/* What divides spans into objects: the least page size with which each class fits its span. */
static bool fit_spans(struct classes *c, const uint64_t *pages)
{
    unsigned shift = 12;
    while (shift < 18 && pages[c->n - 1] << shift < c->size[c->n - 1])
        shift++;
    for (uint32_t i = 1; i < c->n; i++) {
        const uint64_t span = pages[i] << shift;
        if (!pages[i] || pages[i] > LARGEST / 4096 || span < c->size[i] ||
            span % c->size[i] > span >> 3)
            return false;
        c->tail[i] = span % c->size[i];
    }
    return true;
}

/* Batches, then sizes, of 32 bits each; spans' pages, at the next multiple of 8; how many. */
static bool read_classes(struct classes *c, const uint32_t *at, size_t room_left, uint32_t room)
{
    const uint32_t *size = at + room;
    const size_t pages_at = (2 * (size_t)room + ((uintptr_t)at % 8 ? 1 : 0)) * sizeof *at;
    uint64_t pages[CLASSES_MAX], n;
    if (room_left < pages_at + (room + 1) * sizeof n || size[0] || at[0])
        return false;
    *c = (struct classes){.room = room, .n = 1};
    while (c->n < room && size[c->n] > size[c->n - 1] && !(size[c->n] & 7) &&
           size[c->n] <= LARGEST && at[c->n] >= 2)
        c->n++;
    memcpy(pages, (const char *)at + pages_at, room * sizeof *pages);
    memcpy(&n, (const char *)at + pages_at + room * sizeof *pages, sizeof n);
    memcpy(c->size, size, c->n * sizeof *size);
    memcpy(c->batch, at, c->n * sizeof *at);
    return c->n > 20 && n == c->n && (c->size[1] == 8 || c->size[1] == 16) && fit_spans(c, pages);
}

static void find_classes(struct classes *c, const struct ht_memory_data *d)
{
    static const uint32_t rooms[] = {128, 96};
    const uint32_t *half = (const uint32_t *)d->word;
    for (size_t i = 0; i + 1 < 2 * d->n; i++)
        for (size_t k = 0; !half[i] && half[i + 1] >= 2 && k < 2; k++)
            if (read_classes(c, half + i, (2 * d->n - i) * sizeof *half, rooms[k]))
                return;
    c->n = 0;
}

static bool find_figures(void *arg, const struct ht_memory_data *d)
{
    struct search *s = arg;
    const size_t words = sizeof s->figures / 8;
    if (!s->classes.n)
        find_classes(&s->classes, d);
    for (size_t i = 0; !s->figures.system && i + words <= d->n; i++) {
        struct figures f;
        if (d->word[i] && is_figures(memcpy(&f, d->word + i, sizeof f)))
            s->figures = f;
    }
    return s->figures.system && s->classes.n;
}

/* An empty list's head points to itself, another's to a span. */
static bool is_central(const uint64_t *w, size_t words, uint64_t at, uint32_t class)
{
    if (words < CENTRAL_BYTES / 8 || w[1] != class)
        return false;
    for (unsigned k = 0; k < 2; k++) {
        const uint64_t *head = w + (CENTRAL_SPANS + k * CENTRAL_SPAN_BYTES) / 8;
        const uint64_t self = at + CENTRAL_SPANS + (uint64_t)k * CENTRAL_SPAN_BYTES;
        if (!head[2] || (head[2] & 7) || (head[3] & 7) || (head[2] == self) != (head[3] == self))
            return false;
    }
    int32_t slots[3];
    memcpy(slots, (const char *)w + CENTRAL_SLOTS, sizeof slots);
    return slots[0] >= 0 && slots[0] <= SLOTS_MAX && slots[1] >= slots[0] && slots[1] <= SLOTS_MAX;
}

static bool add_central(struct search *s, const struct ht_memory_data *d, size_t i)
{
    const struct classes *c = &s->classes;
    const size_t stride = CENTRAL_BYTES / 8;
    if (d->n - i < c->n * stride)
        return false;
    uint64_t central = 0, transfer = 0;
    for (uint32_t k = 0; k < c->n; k++) {
        const uint64_t *w = d->word + i + k * stride;
        if (!is_central(w, d->n - i - k * stride, d->at + (i + k * stride) * 8, k))
            return false;
        int32_t used;
        memcpy(&used, (const char *)w + CENTRAL_SLOTS, sizeof used);
        central += w[CENTRAL_COUNT / 8] * c->tail[k] + w[CENTRAL_COUNT / 8 + 1] * c->size[k];
        transfer += (uint64_t)used * c->batch[k] * c->size[k];
    }
    if (central + transfer > s->figures.system)
        return false;
    s->central = d->at + i * 8;
    s->t->central = central;
    s->t->transfer = transfer;
    return true;
}

/* A thread's cache has a list for each class, and the class's size in it. */
static bool is_cache(struct search *s, uint64_t at, int32_t *size)
{
    const struct classes *c = &s->classes;
    unsigned char copy[CLASSES_MAX * LIST_BYTES + 8];
    const size_t n = (size_t)c->room * LIST_BYTES + 8;
    const struct ht_remote_map *m = (at & 7) ? NULL : ht_remote_map_at(s->r, at);
    if (!m || m->executable || !m->readable || m->end - at < n + NEXT_LAST)
        return false;
    uint64_t first;
    if (!ht_remote_word(s->r, at + LIST_BYTES + 24, &first) || (uint32_t)first != c->size[1] ||
        ht_remote_read(s->r, at, copy, n) != (ssize_t)n)
        return false;
    for (uint32_t i = 1; i < c->n; i++) {
        uint32_t object;
        memcpy(&object, copy + (size_t)i * LIST_BYTES + 24, 4);
        if (object != c->size[i])
            return false;
    }
    memcpy(size, copy + (size_t)c->room * LIST_BYTES, 4);
    return *size >= 0 && (uint64_t)*size <= s->figures.system;
}

static uint64_t word(struct ht_remote *r, uint64_t at)
{
    uint64_t w = 0;
    return ht_remote_word(r, at, &w) ? w : 0;
}

/* Where a cache's links to the next and to the one before are, from its start; 0: it is alone. */
static uint64_t find_links(struct search *s, uint64_t cache)
{
    const uint64_t from = (uint64_t)s->classes.room * LIST_BYTES + 8;
    int32_t size;
    for (uint64_t at = from; at < from + NEXT_LAST; at += 8) {
        const uint64_t next = word(s->r, cache + at), before = word(s->r, cache + at + 8);
        if ((next && word(s->r, next + at + 8) == cache && is_cache(s, next, &size)) ||
            (before && word(s->r, before + at) == cache && is_cache(s, before, &size)))
            return at;
    }
    return 0;
}

/* From the cache that was found in both directions. */
static void add_caches(struct search *s)
{
    const uint64_t links = find_links(s, s->cache);
    int32_t size = 0;
    for (unsigned way = 0; way < 2; way++) {
        uint64_t at = way ? links ? word(s->r, s->cache + links + 8) : 0 : s->cache;
        while (at && s->t->caches < CACHES_MAX && is_cache(s, at, &size)) {
            s->t->threads += (uint64_t)size;
            s->t->caches++;
            at = links ? word(s->r, at + links + 8 * way) : 0;
        }
    }
}

static bool find_lists(void *arg, const struct ht_memory_data *d)
{
    struct search *s = arg;
    int32_t size;
    for (size_t i = 0; i < d->n; i++) {
        /* the second list's number is the first one that is not 0 */
        const size_t stride = CENTRAL_BYTES / 8;
        if (!s->central && d->word[i] == 1 && i >= stride + 1)
            add_central(s, d, i - stride - 1);
        if (!s->cache && d->word[i] > 4096 && is_cache(s, d->word[i], &size))
            s->cache = d->word[i];
    }
    return s->central && s->cache;
}

static bool look(struct ht_remote *r, struct ht_memory_tcmalloc *t)
{
    struct search s = {.r = r, .t = t};
    *t = (struct ht_memory_tcmalloc){0};
    ht_remote_forget(r);
    ht_memory_data_each(r, "libtcmalloc", find_figures, &s);
    if (!s.figures.system || !s.classes.n)
        return false;
    ht_memory_data_each(r, "libtcmalloc", find_lists, &s);
    if (s.cache)
        add_caches(&s);
    t->found = true;
    t->heap = s.figures.system;
    t->free = s.figures.free;
    t->unmapped = s.figures.unmapped;
    t->counted = s.central && s.cache &&
                 t->central + t->transfer + t->threads + t->free + t->unmapped <= t->heap;
    return t->counted;
}

void ht_memory_tcmalloc(struct ht_remote *r, struct ht_memory_tcmalloc *t)
{
    /* The process goes on: a look may fall between two changes that belong together. */
    for (unsigned i = 0; i < LOOKS && !look(r, t); i++)
        ;
}

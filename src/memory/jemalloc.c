/* SPDX-License-Identifier: MIT */
/*
 * jemalloc's arenas. One is recognised by its three collections of free extents, which say of
 * themselves that they are the dirty, the muzzy and the retained one, and by its number; each
 * collection counts its pages twice, and both counts must agree. How many bytes are allocated is
 * believed when pages in use are the slabs' and the large extents' of some set of size classes.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "memory/allocators.h"

enum {
    ARENAS_MAX = 4096,
    PAGE = 4096,
    SIZES = 200, /* of extents, one too many */
    LARGE_CLASSES = 196,
    BINS_MAX = 39,
    CACHED_CLASSES = 73, /* a thread's cache can have so many */
    CACHE_BIN_BYTES = 24,
    CACHES_MAX = 1 << 20,
    LOOKS = 16,
};

/* Offsets in the records of a version, for a 64-bit machine with pages of 4 KiB. */
struct form {
    const char *version;
    uint32_t bytes;  /* of an arena, its bins included */
    uint32_t large;  /* statistics of large classes, 48 bytes each: allocations, frees */
    uint32_t caches; /* list of threads' caches */
    uint32_t active;
    uint32_t internal;                     /* bytes of blocks that are its own records */
    uint32_t extents[3];                   /* dirty, muzzy, retained */
    uint32_t sets, set[2];                 /* in a collection: parts, and where they begin */
    uint32_t pages, size_bytes, size_step; /* in a part: its pages; bytes by size */
    uint32_t state;                        /* in a collection */
    uint32_t base;                         /* the address of the allocator of records */
    uint32_t tree;                         /* the address of the tree's record; 0: not there */
    uint32_t tree_root;                    /* in that */
    uint32_t base_heaps, base_heap;        /* in that: a heap for each class, and its size */
    uint32_t bins, bin_bytes, bin_regions, bin_slabs;
    bool bins_apart; /* only their addresses lie there */
    uint32_t huge;   /* byte that is not 0 when there is another allocator of pages; 0: never */
};

static const struct form forms[] = {
    {.version = "5.3.0",
     .bytes = 78952 + BINS_MAX * 224,
     .large = 976,
     .caches = 10400,
     .active = 10656,
     .internal = 56,
     .extents = {10728, 30168, 49608},
     .sets = 2,
     .set = {112, 9768},
     .pages = 9640,
     .size_bytes = 6440,
     .size_step = 16,
     .state = 19424,
     .base = 78936,
     .tree = 69056,
     .tree_root = 120,
     .base_heaps = 168,
     .base_heap = 16,
     .bins = 78952,
     .bin_bytes = 224,
     .bin_regions = 136,
     .bin_slabs = 176,
     .huge = 10665},
    {.version = "5.2.1",
     .bytes = 29496,
     .large = 768,
     .caches = 10192,
     .active = 10344,
     .internal = 104,
     .extents = {10472, 15440, 20408},
     .sets = 1,
     .pages = 4952,
     .size_bytes = 3312,
     .size_step = 8,
     .state = 4960,
     .base = 29480,
     .base_heaps = 152,
     .base_heap = 8,
     .bins = 29192,
     .bin_regions = 160,
     .bin_slabs = 200,
     .bins_apart = true},
};

/* Which sets of classes jemalloc can be built with, and whether large extents get a page more. */
struct classes {
    uint32_t bins;
    uint32_t quantum;
    uint32_t pad;
};
static const struct classes sets[] = {{36, 16, PAGE}, {36, 16, 0}, {39, 8, 0}, {39, 8, PAGE}};
enum { SETS = sizeof sets / sizeof *sets };

struct sums {
    uint64_t small, large, slabs, extents, cached, metadata, resident;
};

struct search {
    struct ht_remote *r;
    const struct form *form;
    uint64_t arena[ARENAS_MAX], tried[ARENAS_MAX];
    unsigned n;
    unsigned caches; /* of threads, that were followed: a ring may not close */
};

static uint64_t word(struct ht_remote *r, uint64_t at)
{
    uint64_t w = 0;
    return ht_remote_word(r, at, &w) ? w : 0;
}

static uint32_t half(struct ht_remote *r, uint64_t at)
{
    return (uint32_t)(word(r, at & ~7ull) >> (at & 4 ? 32 : 0));
}

static bool is_arena(struct ht_remote *r, const struct form *f, uint64_t at, uint32_t index)
{
    const struct ht_remote_map *m = (at & 63) ? NULL : ht_remote_map_at(r, at);
    if (!m || !m->readable || m->executable || m->inode)
        return false;
    for (unsigned k = 0; k < 3; k++)
        if (half(r, at + f->extents[k] + f->state) != k + 1)
            return false;
    const uint64_t base = word(r, at + f->base);
    return base && !(base & 7) && half(r, base) == index;
}

/* The table of arenas: each stands at its number, and some were not made yet. */
static unsigned read_table(struct ht_remote *r, const struct form *f, const uint64_t *word,
                           size_t words, uint64_t *arena)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < ARENAS_MAX && i < words; i++) {
        if (!word[i])
            continue;
        if (!is_arena(r, f, word[i], i))
            break;
        arena[n++] = word[i];
    }
    return n;
}

/* A second pointer to the first arena lies elsewhere: the longest table is the one. */
static bool find_arenas(void *arg, const struct ht_memory_data *d)
{
    struct search *s = arg;
    for (size_t k = 0; k < sizeof forms / sizeof *forms && !s->n; k++) {
        for (size_t i = 0; i < d->n; i++) {
            if (d->word[i] <= PAGE || !is_arena(s->r, &forms[k], d->word[i], 0))
                continue;
            unsigned n = read_table(s->r, &forms[k], d->word + i, d->n - i, s->tried);
            if (n <= s->n)
                continue;
            s->form = &forms[k];
            s->n = n;
            memcpy(s->arena, s->tried, n * sizeof *s->arena);
        }
    }
    return s->n;
}

/* Sizes ascend in steps of the quantum, then four to each doubling; of 8 there is one below 16. */
static uint64_t class_size(const struct classes *c, uint32_t i)
{
    const uint32_t even = c->quantum == 16 ? 1 : 0;
    if (even && !i)
        return 8;
    const uint32_t step = i - even; /* as if there were no class below the quantum */
    if (step < 4)
        return (uint64_t)(step + 1) * c->quantum;
    const uint32_t doubling = (step - 4) / 4, quarter = (step - 4) % 4 + 1;
    return ((uint64_t)(4 + quarter) * c->quantum) << doubling;
}

/* The least number of pages that has no rest. */
static uint64_t slab_size(uint64_t object)
{
    uint64_t slab = PAGE;
    while (slab % object)
        slab += PAGE;
    return slab;
}

static uint64_t at(const unsigned char *copy, uint64_t offset)
{
    uint64_t w;
    memcpy(&w, copy + offset, sizeof w);
    return w;
}

/* Pages of a collection of free extents; false: its two counts differ. */
static bool add_pages(const struct form *f, const unsigned char *arena, unsigned k, uint64_t *bytes)
{
    for (uint32_t set = 0; set < f->sets; set++) {
        const uint64_t part = f->extents[k] + f->set[set];
        const uint64_t pages = at(arena, part + f->pages);
        uint64_t sum = 0;
        for (unsigned i = 0; i < SIZES; i++)
            sum += at(arena, part + f->size_bytes + (uint64_t)i * f->size_step);
        if (pages > 1ull << 35 || sum != pages * PAGE)
            return false;
        *bytes += sum;
    }
    return true;
}

/* What threads keep: the list is a ring. */
static uint64_t cached_by_threads(struct search *s, uint64_t arena, const struct classes *c)
{
    struct ht_remote *r = s->r;
    const struct form *f = s->form;
    const uint64_t first = word(r, arena + f->caches);
    uint64_t sum = 0, cache = first;
    while (cache && s->caches < CACHES_MAX) {
        unsigned char bin[CACHED_CLASSES * CACHE_BIN_BYTES];
        const uint32_t parts = f->bins_apart ? 2 : 1;
        for (uint32_t part = 0; part < parts; part++) {
            const uint32_t from = part ? c->bins : 0;
            const uint32_t many = f->bins_apart && !part ? c->bins : CACHED_CLASSES - from;
            const uint64_t bins = word(r, cache + 16 + 8 * part);
            const size_t size = (size_t)many * CACHE_BIN_BYTES;
            const ssize_t got = bins ? ht_remote_read(r, bins, bin, size) : 0;
            for (uint32_t i = 0; got > 0 && (i + 1) * (size_t)CACHE_BIN_BYTES <= (size_t)got; i++) {
                const uint64_t head = at(bin, (uint64_t)i * CACHE_BIN_BYTES);
                const uint64_t low = at(bin, (uint64_t)i * CACHE_BIN_BYTES + 16);
                /* 5.2: a count. 5.3: the distance from the low bits that an empty one's would be */
                const uint16_t count = f->bins_apart
                                           ? (uint16_t)(head >> 32)
                                           : (uint16_t)((uint16_t)(low >> 32) - (uint16_t)head) / 8;
                if (f->bins_apart ? low != 0 : head != 0)
                    sum += count * class_size(c, from + i);
            }
        }
        s->caches++;
        cache = word(r, cache);
        if (cache == first)
            break;
    }
    return sum;
}

static void add_bins(struct ht_remote *r, const struct form *f, const unsigned char *arena,
                     const struct classes *c, struct sums *s)
{
    for (uint32_t i = 0; i < c->bins; i++) {
        const uint64_t size = class_size(c, i);
        uint64_t regions, slabs;
        if (f->bins_apart) {
            const uint64_t bin = at(arena, f->bins + 8ull * i);
            regions = word(r, bin + f->bin_regions);
            slabs = word(r, bin + f->bin_slabs);
        } else {
            regions = at(arena, f->bins + (uint64_t)i * f->bin_bytes + f->bin_regions);
            slabs = at(arena, f->bins + (uint64_t)i * f->bin_bytes + f->bin_slabs);
        }
        s->small += regions * size;
        s->slabs += slabs * slab_size(size);
    }
    for (uint32_t i = 0; i < LARGE_CLASSES; i++) {
        const uint64_t many = at(arena, f->large + 48ull * i) - at(arena, f->large + 48ull * i + 8);
        const uint64_t size = class_size(c, c->bins + i);
        s->large += many * size;
        s->extents += many * (size + c->pad);
    }
}

/* What the records of an arena take: of it allocated, and resident. */
static void add_base(struct ht_remote *r, const struct form *f, uint64_t base,
                     const struct classes *c, struct sums *s)
{
    const uint64_t end = base + f->base_heaps + (uint64_t)(c->bins + LARGE_CLASSES) * f->base_heap;
    s->metadata += word(r, end);
    s->resident += word(r, end + 8);
}

/* Blocks of memory for records: each has its size and the next one's address. */
static void find_bases(struct ht_remote *r, const struct form *f, uint64_t base,
                       struct ht_memory_jemalloc *j)
{
    uint64_t block = word(r, base + f->base_heaps - 8);
    while (block && !(block & (PAGE - 1)) && j->n_bases < HT_JEMALLOC_BASES) {
        const uint64_t size = word(r, block);
        if (!size || (size & (PAGE - 1)))
            return;
        j->base[j->n_bases].start = block;
        j->base[j->n_bases++].end = block + size;
        block = word(r, block + 8);
    }
}

/* The tree begins with the address of the first arena's base. */
static uint64_t find_tree(struct ht_remote *r, const struct form *f, const unsigned char *arena)
{
    const uint64_t tree = f->tree ? at(arena, f->tree) : 0;
    return tree && word(r, tree) == at(arena, f->base) ? tree + f->tree_root : 0;
}

/* Those classes by which the pages in use are explained best; then how well. */
static void count(struct ht_memory_jemalloc *j, const struct sums sum[SETS])
{
    uint64_t best = UINT64_MAX;
    for (unsigned i = 0; i < SETS; i++) {
        const uint64_t pages = sum[i].slabs + sum[i].extents;
        const uint64_t off = pages > j->active ? pages - j->active : j->active - pages;
        if (off >= best)
            continue;
        best = off;
        j->allocated = sum[i].small + sum[i].large;
        j->cached = sum[i].cached;
        j->metadata = sum[i].metadata;
        j->resident = j->active + j->dirty + sum[i].resident;
    }
    /* of a process at work the counts are of slightly different moments */
    j->counted = best <= j->active / 200 && j->cached <= j->allocated &&
                 j->allocated <= j->active && j->metadata <= j->resident;
}

static bool look(struct search *s, struct ht_memory_jemalloc *j)
{
    const struct form *f = s->form;
    unsigned char *arena = malloc(f->bytes);
    struct sums sum[SETS] = {0};
    bool good = arena != NULL;
    *j = (struct ht_memory_jemalloc){.version = f->version, .arenas = s->n};
    ht_remote_forget(s->r);
    for (unsigned i = 0; good && i < s->n; i++) {
        uint64_t dirty = 0, muzzy = 0, retained = 0;
        good = ht_remote_read(s->r, s->arena[i], arena, f->bytes) == (ssize_t)f->bytes &&
               !(f->huge && arena[f->huge]) && add_pages(f, arena, 0, &dirty) &&
               add_pages(f, arena, 1, &muzzy) && add_pages(f, arena, 2, &retained);
        if (!good)
            break;
        if (!i)
            j->tree = find_tree(s->r, f, arena);
        find_bases(s->r, f, at(arena, f->base), j);
        j->active += at(arena, f->active) * PAGE;
        j->dirty += dirty;
        j->muzzy += muzzy;
        j->retained += retained;
        for (unsigned k = 0; k < SETS; k++) {
            add_bins(s->r, f, arena, &sets[k], &sum[k]);
            sum[k].cached += cached_by_threads(s, s->arena[i], &sets[k]);
            add_base(s->r, f, at(arena, f->base), &sets[k], &sum[k]);
            sum[k].metadata += at(arena, f->internal);
        }
    }
    free(arena);
    good = good && s->caches < CACHES_MAX;
    if (good)
        count(j, sum);
    j->found = good;
    return good && j->counted;
}

void ht_memory_jemalloc(struct ht_remote *r, struct ht_memory_jemalloc *j)
{
    struct search *s = calloc(1, sizeof *s);
    *j = (struct ht_memory_jemalloc){0};
    if (!s)
        return;
    s->r = r;
    ht_remote_forget(r);
    ht_memory_data_each(r, "libjemalloc", find_arenas, s);
    /* The process goes on: a look may fall between two changes that belong together. */
    for (unsigned i = 0; s->n && i < LOOKS && !look(s, j); i++)
        ;
    free(s);
}

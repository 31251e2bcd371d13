/* SPDX-License-Identifier: MIT */
/*
 * Heaps of other arenas than main_arena are aligned, begin with a record of their arena, of the
 * heap before and of their length, and the first of an arena has the arena's own record behind
 * that. Each is checked against the others before it is believed.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memory/arena.h"
#include "memory/memory.h"

enum {
    FAST_MAX = 1 << 20,
    CACHE_BINS = 64,
    CACHE_2_26 = 64 * 9 + 16,  /* sizes of a thread's cache's chunk: counts of 8 bits... */
    CACHE_2_30 = 64 * 10 + 16, /* ...and of 16 */
    ALIGN = 16,
    LEAST = 32,
};

static uint64_t word(struct ht_remote *r, uint64_t at)
{
    uint64_t w = 0;
    return ht_remote_word(r, at, &w) ? w : 0;
}

static uint64_t size_of(struct ht_remote *r, uint64_t chunk)
{
    return word(r, chunk + 8) & ~(uint64_t)HT_GLIBC_FLAGS;
}

static int add_heap(struct ht_memory_heaps *out, const struct ht_memory_heap *h)
{
    struct ht_memory_heap *more = reallocarray(out->heap, out->n + 1, sizeof *more);
    if (!more)
        return -ENOMEM;
    out->heap = more;
    out->heap[out->n++] = *h;
    return 0;
}

static int add_word(uint64_t **list, size_t *n, uint64_t w)
{
    if (!(*n & (*n - 1))) {
        uint64_t *more = reallocarray(*list, *n ? 2 * *n : 1, sizeof *more);
        if (!more)
            return -ENOMEM;
        *list = more;
    }
    (*list)[(*n)++] = w;
    return 0;
}

/* The mappings by brk(2), which lie next to each other. The top may have gone beyond the end that
 * was read. */
static int add_main(struct ht_remote *r, struct ht_memory_heaps *out, uint64_t top_at)
{
    const struct ht_remote_map *first = r->maps, *end = r->maps + r->n_maps;
    while (first < end && strcmp(first->name, "[heap]") != 0)
        first++;
    if (first == end || word(r, top_at) < first->start)
        return 0;
    const struct ht_remote_map *last = first;
    while (last + 1 < end && last[1].start == last->end && !strcmp(last[1].name, "[heap]"))
        last++;
    return add_heap(out, &(struct ht_memory_heap){.start = first->start,
                                                  .end = last->end,
                                                  .first = first->start,
                                                  .top_at = top_at,
                                                  .of_main = true});
}

/* An arena's heaps, from the last one made; all of them, or none. */
static int add_others(struct ht_remote *r, const struct ht_glibc_form *f, uint64_t arena,
                      struct ht_memory_heaps *out)
{
    const uint64_t mask = HT_GLIBC_HEAP_ALIGN - 1, info = arena & mask;
    uint64_t heap = word(r, arena + f->top) & ~mask;
    size_t before = out->n;
    if (info != 32 && info != 48)
        return 0;
    for (unsigned k = 0; heap && k < HT_GLIBC_ARENAS_MAX; k++) {
        uint64_t length = word(r, heap + 16), prev = word(r, heap + 8);
        bool is_first = heap == (arena & ~mask);
        if (word(r, heap) != arena || length > mask + 1 || length < LEAST || (prev & mask) ||
            is_first == (prev != 0))
            break;
        uint64_t first =
            is_first ? (arena + f->system + 16 + ALIGN - 1) & ~(uint64_t)(ALIGN - 1) : heap + info;
        int err = add_heap(out, &(struct ht_memory_heap){.start = heap,
                                                         .end = heap + length,
                                                         .first = first,
                                                         .top_at = arena + f->top});
        if (err)
            return err;
        if (is_first)
            return 0;
        heap = prev;
    }
    out->n = before;
    return 0;
}

static int by_word(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/*
 * What blocks in the caches of threads, each the first block of most heaps, have as second word. An
 * own address of the cache is taken at once (2.29 to 2.33). Others are counted: a block that is
 * just being taken out of a cache has the program's word there.
 */
static int read_cache(struct ht_remote *r, uint64_t chunk, struct ht_memory_heaps *out,
                      uint64_t **seen, size_t *n_seen)
{
    uint64_t size = size_of(r, chunk), counts = chunk + 16;
    if (size != CACHE_2_26 && size != CACHE_2_30)
        return 0;
    unsigned bytes = size == CACHE_2_30 ? 2 : 1;
    uint64_t entries = counts + (uint64_t)CACHE_BINS * bytes;
    bool own = false;
    for (unsigned i = 0; i < CACHE_BINS; i++) {
        uint64_t at = counts + (uint64_t)i * bytes, e = word(r, entries + 8ull * i);
        uint64_t n = word(r, at & ~7ull) >> (8 * (at & 7)) & (bytes == 2 ? 0xffff : 0xff);
        if (!n || !e || (e & (ALIGN - 1)) || size_of(r, e - 16) != LEAST + 16ull * i)
            continue;
        uint64_t key = word(r, e + 8);
        if (key == counts)
            own = true;
        else if (add_word(seen, n_seen, key))
            return -ENOMEM;
    }
    return own ? add_word(&out->key, &out->n_keys, counts) : 0;
}

/* Since 2.34 all have one random number: what more than half of those seen have, two at least, and
 * what is no address and no small number. */
static int find_random_key(uint64_t *seen, size_t n_seen, struct ht_memory_heaps *out)
{
    if (n_seen < 2)
        return 0;
    qsort(seen, n_seen, sizeof *seen, by_word);
    uint64_t key = seen[n_seen / 2];
    size_t same = 0;
    for (size_t i = 0; i < n_seen; i++)
        same += seen[i] == key;
    return same >= 2 && 2 * same > n_seen && key >> 48 ? add_word(&out->key, &out->n_keys, key) : 0;
}

static int find_keys(struct ht_remote *r, struct ht_memory_heaps *out)
{
    uint64_t *seen = NULL;
    size_t n_seen = 0;
    int err = 0;
    for (size_t i = 0; i < out->n && !err; i++)
        err = read_cache(r, out->heap[i].first, out, &seen, &n_seen);
    if (!err)
        err = find_random_key(seen, n_seen, out);
    free(seen);
    return err;
}

/* Fast bins are lists of one direction; since 2.32 each link is disguised by its own address. */
static int add_fast(struct ht_remote *r, const struct ht_glibc_form *f, uint64_t arena,
                    struct ht_memory_heaps *out)
{
    for (unsigned b = 0; b < HT_GLIBC_FAST_BINS; b++) {
        uint64_t expected = LEAST + 16ull * b, c = word(r, arena + f->fast + b * 8ull);
        while (c && !(c & (ALIGN - 1)) && size_of(r, c) == expected && out->n_fast < FAST_MAX) {
            if (add_word(&out->fast, &out->n_fast, c))
                return -ENOMEM;
            uint64_t next = word(r, c + 16), shown = next ^ ((c + 16) >> 12);
            c = !next || !shown ? 0 : !(next & 15) && size_of(r, next) == expected ? next : shown;
        }
    }
    return 0;
}

static int by_start(const void *a, const void *b)
{
    uint64_t x = ((const struct ht_memory_heap *)a)->start,
             y = ((const struct ht_memory_heap *)b)->start;
    return x < y ? -1 : x > y;
}

int ht_memory_heaps_find(struct ht_remote *r, struct ht_memory_heaps *out)
{
    const struct ht_glibc_form *f = NULL;
    unsigned arenas = 0;
    int err = 0;
    *out = (struct ht_memory_heaps){0};
    ht_remote_forget(r);
    uint64_t arena = ht_glibc_find_main(r, &f, &arenas);
    if (!arena)
        return -ENOENT;
    out->main_arena = arena;
    out->main_arena_end = arena + f->system + 16;
    for (unsigned i = 0; arena && i < arenas && !err; i++, arena = word(r, arena + f->next)) {
        err = i ? add_others(r, f, arena, out) : add_main(r, out, arena + f->top);
        if (!err)
            err = add_fast(r, f, arena, out);
    }
    if (!err)
        err = find_keys(r, out);
    if (out->n)
        qsort(out->heap, out->n, sizeof *out->heap, by_start);
    if (out->n_keys)
        qsort(out->key, out->n_keys, sizeof *out->key, by_word);
    if (out->n_fast)
        qsort(out->fast, out->n_fast, sizeof *out->fast, by_word);
    return err;
}

void ht_memory_heaps_free(struct ht_memory_heaps *h)
{
    free(h->heap);
    free(h->key);
    free(h->fast);
    *h = (struct ht_memory_heaps){0};
}

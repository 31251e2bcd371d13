/* SPDX-License-Identifier: MIT */
/*
 * Chunks are numbered in the order of their granules, which is also the order in which they are
 * read. So the number of a granule's chunk is the count of chunks that begin up to that granule.
 * Behind the last chunk of each space follows an unused one, so that gaps belong to no chunk in
 * use.
 */
#include "config.h"

#include "leaks/heap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "leaks/index.h"
#include "leaks/walk.h"

#define GRANULE 16u

static bool bit(const uint64_t *bits, size_t i)
{
    return bits[i / 64] >> (i % 64) & 1;
}

static void set_bit(uint64_t *bits, size_t i)
{
    bits[i / 64] |= 1ull << (i % 64);
}

static size_t words_for(size_t bits)
{
    return bits / 64 + 1;
}

struct ht_leak_heap *ht_leak_heap_create(const struct ht_memory_heaps *heaps,
                                         const struct ht_leak_space *mapped, size_t n_mapped,
                                         uint64_t limit)
{
    struct ht_leak_heap *g = calloc(1, sizeof *g);
    uint64_t granules = 0;
    if (!g)
        return NULL;
    g->limit = limit;
    g->n_mapped = n_mapped;
    g->n_spaces = n_mapped + heaps->n;
    g->space = calloc(g->n_spaces + 1, sizeof *g->space);
    g->low = UINT64_MAX;
    for (size_t i = 0; g->space && i < g->n_spaces; i++) {
        struct ht_leak_space *s = &g->space[i];
        if (i < n_mapped)
            *s = (struct ht_leak_space){mapped[i].start, mapped[i].end, .mapped = true};
        else
            *s = (struct ht_leak_space){heaps->heap[i - n_mapped].start,
                                        heaps->heap[i - n_mapped].end, .mapped = false};
        s->base = (uint32_t)granules;
        granules += (s->end - s->start) / GRANULE + 2;
        g->low = s->start < g->low ? s->start : g->low;
        g->high = s->end > g->high ? s->end : g->high;
        if (granules > UINT32_MAX)
            break;
    }
    uint64_t bytes = granules / 8 * 2 + granules / 16;
    if (granules > UINT32_MAX || bytes > limit) {
        g->failed = -E2BIG;
        return g;
    }
    g->granules = (uint32_t)granules;
    g->starts = calloc(words_for(granules), 8);
    g->touched = calloc(words_for(granules), 8);
    if (!g->space || !g->starts || !g->touched)
        g->failed = -ENOMEM;
    return g;
}

void ht_leak_heap_destroy(struct ht_leak_heap *g)
{
    if (!g)
        return;
    free(g->space);
    free(g->starts);
    free(g->touched);
    free(g->rank);
    free(g->start);
    free(g->first);
    free(g->to);
    free(g->unused);
    free(g->reached);
    free(g);
}

static uint64_t takes(const struct ht_leak_heap *g, size_t room, size_t edge_room)
{
    return g->granules / 8 * 2 + g->granules / 16 + (uint64_t)room * 13 + 4 * (uint64_t)edge_room;
}

/* --- building -----------------------------------------------------------------------------------
 */

static void grow_chunks(struct ht_leak_heap *g)
{
    size_t room = g->room ? 2 * g->room : 4096;
    if (room > UINT32_MAX || takes(g, room, g->edge_room) > g->limit) {
        g->failed = -E2BIG;
        return;
    }
    uint32_t *start = reallocarray(g->start, room + 1, sizeof *start);
    g->start = start ? start : g->start;
    uint32_t *first = reallocarray(g->first, room + 1, sizeof *first);
    g->first = first ? first : g->first;
    uint64_t *unused = reallocarray(g->unused, words_for(room), sizeof *unused);
    g->unused = unused ? unused : g->unused;
    if (!start || !first || !unused) {
        g->failed = -ENOMEM;
        return;
    }
    g->room = room;
}

static void push(struct ht_leak_heap *g, uint32_t granule, bool used)
{
    if (g->n == g->room && !g->failed)
        grow_chunks(g);
    if (!g->failed && g->n && granule <= g->start[g->n - 1])
        g->failed = -EINVAL; /* the process's maps changed: the order is lost */
    if (g->failed)
        return;
    g->start[g->n] = granule;
    g->first[g->n] = (uint32_t)g->n_edges;
    set_bit(g->starts, granule);
    g->unused[g->n / 64] &= ~(1ull << (g->n % 64));
    if (!used)
        set_bit(g->unused, g->n);
    g->n++;
}

static void push_edge(struct ht_leak_heap *g, uint32_t granule)
{
    if (g->n_edges == g->edge_room) {
        size_t room = g->edge_room ? 2 * g->edge_room : 16384;
        uint32_t *more = NULL;
        if (room > UINT32_MAX || takes(g, g->room, room) > g->limit)
            g->failed = -E2BIG;
        else if (!(more = reallocarray(g->to, room, sizeof *more)))
            g->failed = -ENOMEM;
        if (!more)
            return;
        g->to = more;
        g->edge_room = room;
    }
    g->to[g->n_edges++] = granule;
}

/* The first space that ends above an address, among those from `first` to n - 1; n: none. */
static size_t space_from(const struct ht_leak_heap *g, size_t first, size_t n, uint64_t at)
{
    size_t low = first, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (g->space[middle].end <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The space that contains an address, among those from `first` to n - 1; n: none. */
static size_t space_at(const struct ht_leak_heap *g, size_t first, size_t n, uint64_t at)
{
    size_t i = space_from(g, first, n, at);
    return i < n && g->space[i].start <= at ? i : n;
}

/* The granule of an address in the space, or of its end. */
static uint32_t granule_in(const struct ht_leak_space *s, uint64_t at)
{
    return s->base + (uint32_t)((at - s->start) / GRANULE);
}

/* Whether a word may be an address in a space: most words are none. */
static inline bool is_near(const struct ht_leak_heap *g, uint64_t word)
{
    return (word & HT_LEAK_ADDRESS) - 8 - g->low < g->high - g->low;
}

/* The granule of an address in a block; UINT32_MAX: it lies in no space. The block of a chunk
 * begins 16 bytes after the chunk's start, and ends 8 bytes after the chunk's end. */
static uint32_t granule_of(struct ht_leak_heap *g, uint64_t word)
{
    uint64_t at = (word & HT_LEAK_ADDRESS) - 8;
    if (at - g->low >= g->high - g->low)
        return UINT32_MAX;
    const struct ht_leak_space *s = &g->space[g->last];
    if (at - s->start >= s->end - s->start) {
        size_t i = space_at(g, 0, g->n_mapped, at);
        if (i == g->n_mapped)
            i = space_at(g, g->n_mapped, g->n_spaces, at);
        if (i == g->n_spaces)
            return UINT32_MAX;
        g->last = i;
        s = &g->space[i];
    }
    return granule_in(s, at);
}

void ht_leak_heap_root(struct ht_leak_heap *g, uint64_t at, uint64_t word)
{
    uint32_t to = g->failed ? UINT32_MAX : granule_of(g, word);
    if (to == UINT32_MAX)
        return;
    set_bit(g->touched, to);
    if (g->roots)
        ht_leak_roots_add(g->roots, at, to);
}

/* Adds the edges of words in the last chunk. until: the granule behind that chunk. */
static void take_edges(struct ht_leak_heap *g, const uint64_t *words, size_t n, uint32_t until)
{
    uint32_t start = g->n ? g->start[g->n - 1] : 0;
    for (size_t i = 0; i < n && !g->failed; i++) {
        uint32_t to = is_near(g, words[i]) ? granule_of(g, words[i]) : UINT32_MAX;
        if (to == UINT32_MAX || to - start < until - start)
            continue;
        if (g->n_edges > g->first[g->n - 1] && g->to[g->n_edges - 1] == to)
            continue;
        push_edge(g, to);
    }
}

/* --- heaps --- */

static struct ht_leak_space *heap_at(struct ht_leak_heap *g, uint64_t at)
{
    size_t i = space_at(g, g->n_mapped, g->n_spaces, at);
    return i < g->n_spaces ? &g->space[i] : NULL;
}

static void on_chunk(void *ctx, uint64_t at, uint64_t size, bool used)
{
    struct ht_leak_heap *g = ctx;
    const struct ht_leak_space *s = heap_at(g, at);
    if (!s)
        return;
    uint32_t granule = granule_in(s, at);
    push(g, granule, used);
    g->behind = granule + (uint32_t)(size / GRANULE);
}

static void on_words(void *ctx, uint64_t at, const uint64_t *words, size_t n)
{
    struct ht_leak_heap *g = ctx;
    if (g->n && !g->failed)
        take_edges(g, words, n, g->behind);
}

static void on_again(void *ctx, uint64_t from)
{
    struct ht_leak_heap *g = ctx;
    const struct ht_leak_space *s = heap_at(g, from);
    uint32_t granule = s ? granule_in(s, from) : UINT32_MAX;
    while (g->n && g->start[g->n - 1] >= granule) {
        g->n--;
        g->starts[g->start[g->n] / 64] &= ~(1ull << (g->start[g->n] % 64));
        g->n_edges = g->first[g->n];
    }
}

static void on_end(void *ctx, uint64_t first, uint64_t at)
{
    struct ht_leak_heap *g = ctx;
    /* The end of a space has a granule of its own. */
    const struct ht_leak_space *s = heap_at(g, at - 1);
    uint32_t granule = s ? granule_in(s, at) : 0;
    if (s && (!g->n || granule > g->start[g->n - 1]))
        push(g, granule, false);
}

static void on_doubt(void *ctx, uint64_t at)
{
    struct ht_leak_heap *g = ctx;
    const struct ht_leak_space *s = heap_at(g, at);
    if (s)
        set_bit(g->touched, granule_in(s, at));
}

void ht_leak_heap_walk_to(struct ht_leak_heap *g, struct ht_leak_walk_to *to)
{
    *to = (struct ht_leak_walk_to){.chunk = on_chunk,
                                   .words = on_words,
                                   .again = on_again,
                                   .end = on_end,
                                   .doubt = on_doubt,
                                   .loose = ht_leak_heap_loose,
                                   .ctx = g};
}

/* --- other memory --- */

void ht_leak_heap_loose(void *ctx, uint64_t at, const uint64_t *words, size_t n)
{
    struct ht_leak_heap *g = ctx;
    uint64_t end = at + 8 * (uint64_t)n;
    while (at < end && !g->failed) {
        size_t next = space_from(g, 0, g->n_mapped, at);
        struct ht_leak_space *s = next < g->n_mapped ? &g->space[next] : NULL;
        bool inside = s && s->start <= at;
        uint64_t until = !s || s->start >= end ? end : inside ? s->end : s->start;
        until = until < end ? until : end;
        size_t part = (until - at) / 8;
        uint32_t behind = s ? granule_in(s, s->end) : 0;
        if (inside && !s->met) {
            s->met = true;
            push(g, s->base, true);
            push(g, behind, false);
        }
        /* Its edges must come before those of the unused chunk behind it, which has none. */
        bool last = inside && !g->failed && g->n > 1 && g->start[g->n - 2] == s->base;
        for (size_t i = 0; !last && i < part; i++)
            if (is_near(g, words[i]))
                ht_leak_heap_root(g, at + 8 * (uint64_t)i, words[i]);
        if (last) {
            g->n--;
            take_edges(g, words, part, behind);
            g->first[g->n++] = (uint32_t)g->n_edges;
        }
        words += part;
        at = until;
    }
}

/* --- following ----------------------------------------------------------------------------------
 */

static size_t chunk_of(const struct ht_leak_heap *g, uint32_t granule)
{
    uint64_t upto = g->starts[granule / 64] & (UINT64_MAX >> (63 - granule % 64));
    return g->rank[granule / 64] + (size_t)__builtin_popcountll(upto) - 1;
}

static void reach(struct ht_leak_heap *g, uint32_t granule, uint32_t *stack, size_t *depth)
{
    size_t i = chunk_of(g, granule);
    if (i >= g->n || bit(g->unused, i) || bit(g->reached, i))
        return;
    set_bit(g->reached, i);
    stack[(*depth)++] = (uint32_t)i;
}

int ht_leak_heap_seal(struct ht_leak_heap *g)
{
    size_t blocks = words_for(g->granules);
    uint32_t before = 0;
    if (!g->failed && !(g->rank = malloc(blocks * sizeof *g->rank)))
        g->failed = -ENOMEM;
    for (size_t i = 0; !g->failed && i < blocks; i++) {
        g->rank[i] = before;
        before += (uint32_t)__builtin_popcountll(g->starts[i]);
    }
    if (!g->failed && g->n)
        g->first[g->n] = (uint32_t)g->n_edges;
    return g->failed;
}

size_t ht_leak_heap_chunk_of(const struct ht_leak_heap *g, uint32_t granule)
{
    size_t i = chunk_of(g, granule);
    return i < g->n && !bit(g->unused, i) ? i : HT_LEAK_NOWHERE;
}

uint32_t ht_leak_heap_granules(const struct ht_leak_heap *g, size_t chunk)
{
    return g->start[chunk + 1 < g->n ? chunk + 1 : chunk] - g->start[chunk];
}

int ht_leak_heap_reach(struct ht_leak_heap *g)
{
    size_t blocks = words_for(g->granules), depth = 0;
    int err = ht_leak_heap_seal(g);
    uint32_t *stack = err ? NULL : malloc((g->n + 1) * sizeof *stack);
    if (!err && (!stack || !(g->reached = calloc(words_for(g->n), 8))))
        g->failed = -ENOMEM;
    for (size_t i = 0; !g->failed && i < blocks; i++) {
        for (uint64_t left = g->touched[i]; left; left &= left - 1) {
            reach(g, (uint32_t)(64 * i) + (uint32_t)__builtin_ctzll(left), stack, &depth);
            while (depth) {
                uint32_t from = stack[--depth];
                for (uint32_t k = g->first[from]; k < g->first[from + 1]; k++)
                    reach(g, g->to[k], stack, &depth);
            }
        }
    }
    free(stack);
    return g->failed;
}

size_t ht_leak_heap_chunk(struct ht_leak_heap *g, uint64_t at)
{
    uint32_t granule = granule_of(g, at);
    return granule == UINT32_MAX ? HT_LEAK_NOWHERE : ht_leak_heap_chunk_of(g, granule);
}

bool ht_leak_heap_is_reached(const struct ht_leak_heap *g, size_t chunk)
{
    return bit(g->reached, chunk);
}

/* The space that contains a granule. */
static const struct ht_leak_space *space_of(const struct ht_leak_heap *g, uint32_t granule)
{
    size_t low = 0, high = g->n_spaces;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (g->space[middle].base <= granule)
            low = middle + 1;
        else
            high = middle;
    }
    return &g->space[low - 1];
}

struct ht_leak_block *ht_leak_heap_unreached(const struct ht_leak_heap *g, size_t *n)
{
    size_t count = 0;
    for (size_t i = 0; i + 1 < g->n; i++)
        count += !bit(g->unused, i) && !bit(g->reached, i);
    struct ht_leak_block *block = calloc(count + 1, sizeof *block);
    *n = 0;
    for (size_t i = 0; block && i + 1 < g->n; i++) {
        if (bit(g->unused, i) || bit(g->reached, i))
            continue;
        const struct ht_leak_space *s = space_of(g, g->start[i]);
        uint64_t at = s->start + GRANULE * (uint64_t)(g->start[i] - s->base);
        uint64_t size = GRANULE * (uint64_t)(g->start[i + 1] - g->start[i]);
        block[(*n)++] = (struct ht_leak_block){
            .addr = at + 16, .size = size - (s->mapped ? 16 : 8), .head = s->mapped};
    }
    return block;
}

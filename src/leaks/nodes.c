/* SPDX-License-Identifier: MIT */
/*
 * The first pass of a walk follows pointers from the roots through all chunks. Only chunks that it
 * does not reach can have leaked, so later passes look for pointers to these only. For later passes
 * all other memory counts as roots: chunks that were reached once, and chunks that have changed.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "leaks/look.h"
#include "leaks/walk.h"

#define PAGE       4096u
#define MAPPED_MIN (128u << 10) /* glibc maps no smaller ones, unless told to */
#define FLAGS      7u
#define IS_MMAPPED 2u

const char *ht_leak_other_allocator(const struct ht_remote *r)
{
    static const char *const names[] = {"libjemalloc", "libtcmalloc", "libmimalloc"};
    for (size_t i = 0; i < r->n_maps; i++) {
        const char *slash = strrchr(r->maps[i].name, '/');
        for (size_t k = 0; slash && r->maps[i].executable && k < sizeof names / sizeof *names; k++)
            if (!strncmp(slash + 1, names[k], strlen(names[k])))
                return slash + 1;
    }
    return NULL;
}

bool ht_leak_can_walk(struct ht_leak_search *k)
{
    struct ht_memory_heaps heaps;
    struct ht_leaks *l = k->l;
    const char *other = ht_remote_maps(k->r) ? NULL : ht_leak_other_allocator(k->r);
    if (other) {
        snprintf(l->unwalked, sizeof l->unwalked, "the allocator is %.80s, and not glibc's", other);
        return false;
    }
    int err = ht_memory_heaps_find(k->r, &heaps);
    bool any = !err && heaps.n;
    if (!any)
        snprintf(l->unwalked, sizeof l->unwalked, "no heap of glibc's was recognised");
    ht_memory_heaps_free(&heaps);
    return any;
}

/* A heap grows while it is asked about: it ends where the area does that it lies in, or where its
 * own record says, if that is before. Memory from brk(2) has no record of its end. */
static void fit_heap(const struct ht_leak_areas *areas, struct ht_memory_heap *h)
{
    for (size_t i = 0; i < areas->n; i++) {
        const struct ht_leak_area *a = &areas->area[i];
        if (a->start > h->start || a->end <= h->start)
            continue;
        if (h->of_main || h->end > a->end)
            h->end = a->end;
        return;
    }
}

int ht_leak_cut_heaps(struct ht_leak_search *k, struct ht_leak_areas *areas,
                      struct ht_memory_heaps *heaps)
{
    size_t kept = 0;
    int err = ht_memory_heaps_find(k->r, heaps);
    if (err)
        return err == -ENOENT ? 0 : err;
    ht_leak_areas_cut(areas, heaps->main_arena, heaps->main_arena_end, true);
    for (size_t i = 0; i < heaps->n; i++) {
        struct ht_memory_heap *h = &heaps->heap[i];
        fit_heap(areas, h);
        if (ht_leak_areas_cut(areas, h->start, h->end, false))
            heaps->heap[kept++] = *h;
    }
    heaps->n = kept;
    return 0;
}

/* --- blocks with mappings of their own ----------------------------------------------------------
 */

struct mapped {
    struct ht_leak_space *space;
    size_t n, room;
};

static int add_mapped(struct mapped *m, uint64_t start, uint64_t end)
{
    if (m->n == m->room) {
        size_t room = m->room ? 2 * m->room : 64;
        struct ht_leak_space *more = reallocarray(m->space, room, sizeof *more);
        if (!more)
            return -ENOMEM;
        m->space = more;
        m->room = room;
    }
    m->space[m->n++] = (struct ht_leak_space){.start = start, .end = end, .mapped = true};
    return 0;
}

/* The end of the chunk with a mapping of its own that begins at the address; 0: there is none. */
static uint64_t mapped_end(struct ht_leak_reader *d, uint64_t at, uint64_t end)
{
    uint64_t before, head;
    if (!ht_leak_reader_word(d, at, &before) || !ht_leak_reader_word(d, at + 8, &head) ||
        (head & FLAGS) != IS_MMAPPED)
        return 0;
    uint64_t size = head & ~(uint64_t)FLAGS;
    return size <= end - at && before < at && !((at + size) & (PAGE - 1)) &&
                   !((at - before) & (PAGE - 1))
               ? at + size
               : 0;
}

/* Adds the chunks that follow one another from the start of an area: the kernel joins neighbouring
 * mappings. */
static int add_row(struct mapped *m, struct ht_leak_reader *d, const struct ht_leak_area *a)
{
    uint64_t at = a->start, end;
    while (at < a->end && !(at & (PAGE - 1)) && (end = mapped_end(d, at, a->end)) &&
           end - at >= MAPPED_MIN) {
        if (add_mapped(m, at, end))
            return -ENOMEM;
        at = end;
    }
    return 0;
}

static int by_start(const void *a, const void *b)
{
    uint64_t x = ((const struct ht_leak_space *)a)->start,
             y = ((const struct ht_leak_space *)b)->start;
    return x < y ? -1 : x > y;
}

/* Finds the chunks with mappings of their own: at the starts of areas, and around sampled blocks.
 */
static int find_mapped(struct ht_leak_search *k, const struct ht_leak_areas *areas,
                       struct ht_leak_reader *d, struct mapped *m)
{
    const struct ht_leaks *l = k->l;
    size_t block = 0, kept = 0;
    for (size_t i = 0; i < areas->n; i++) {
        const struct ht_leak_area *a = &areas->area[i];
        if (a->skip || a->shared || a->file || a->end - a->start < PAGE)
            continue;
        if (add_row(m, d, a))
            return -ENOMEM;
        while (block < l->n && l->block[block].addr < a->start + 16)
            block++;
        for (; block < l->n && l->block[block].addr < a->end; block++) {
            const struct ht_leak_block *b = &l->block[block];
            uint64_t at = b->addr - 16, end = at & 15 ? 0 : mapped_end(d, at, a->end);
            if (end && b->size <= end - b->addr && add_mapped(m, at, end))
                return -ENOMEM;
        }
    }
    if (m->n)
        qsort(m->space, m->n, sizeof *m->space, by_start);
    for (size_t i = 0; i < m->n; i++)
        if (!kept || m->space[i].start >= m->space[kept - 1].end)
            m->space[kept++] = m->space[i];
    m->n = kept;
    return 0;
}

/* --- the first pass -----------------------------------------------------------------------------
 */

uint64_t ht_leak_memory_limit(void)
{
    char line[128];
    unsigned long long kb = 0;
    FILE *f = fopen("/proc/meminfo", "re");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %llu", &kb) == 1)
            break;
    if (f)
        fclose(f);
    return kb * 512;
}

int ht_leak_whole_begin(struct ht_leak_search *k, const struct ht_leak_areas *areas,
                        const struct ht_memory_heaps *heaps, struct ht_leak_reader *d)
{
    struct mapped m = {0};
    int err = find_mapped(k, areas, d, &m);
    if (!err && !(k->whole = ht_leak_heap_create(heaps, m.space, m.n, ht_leak_memory_limit())))
        err = -ENOMEM;
    if (!err)
        k->whole->roots = k->roots;
    free(m.space);
    return err;
}

static int by_address(const void *a, const void *b)
{
    uint64_t x = ((const struct ht_leak_block *)a)->addr,
             y = ((const struct ht_leak_block *)b)->addr;
    return x < y ? -1 : x > y;
}

/* The node that contains an address; n: none. */
static size_t node_at(const struct ht_leak_block *node, size_t n, uint64_t at)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (node[middle].addr <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low && at - node[low - 1].addr < node[low - 1].size ? low - 1 : n;
}

/* The chunk of a sampled block. A block that does not lie in one chunk as a whole gets none. */
static size_t chunk_of(struct ht_leak_search *k, const struct ht_leak_block *b)
{
    size_t chunk = ht_leak_heap_chunk(k->whole, b->addr);
    return chunk != HT_LEAK_NOWHERE &&
                   ht_leak_heap_chunk(k->whole, b->addr + b->size - !!b->size) == chunk
               ? chunk
               : HT_LEAK_NOWHERE;
}

static int alloc_state(struct ht_leak_search *k, size_t n)
{
    free(k->candidate);
    free(k->seen);
    free(k->gone);
    k->candidate = malloc(n + 1);
    k->seen = calloc(n + 1, 1);
    k->gone = calloc(n + 1, 1);
    k->met = calloc(n + 1, 1);
    k->confirmed = calloc(n + 1, 1);
    k->kind = calloc(n + 1, 1);
    return k->candidate && k->seen && k->gone && k->met && k->confirmed && k->kind ? 0 : -ENOMEM;
}

static int make_nodes(struct ht_leak_search *k)
{
    struct ht_leaks *l = k->l;
    size_t n;
    struct ht_leak_block *node = ht_leak_heap_unreached(k->whole, &n);
    k->of = malloc((l->n + 1) * sizeof *k->of);
    struct ht_leak_block *more =
        node && k->of ? reallocarray(node, n + l->n + 1, sizeof *node) : NULL;
    if (!more) {
        free(node);
        return -ENOMEM;
    }
    k->node = node = more;
    for (size_t i = 0; i < n; i++)
        node[i].head = node[i].head ? HT_NODE_MAPPED : HT_NODE_CHUNK;
    for (size_t i = 0; i < l->n; i++) {
        size_t chunk = chunk_of(k, &l->block[i]);
        k->of[i] = UINT32_MAX;
        if (chunk == HT_LEAK_NOWHERE) {
            l->outside++;
            node[n] = l->block[i];
            node[n++].head = HT_NODE_LOOSE;
        }
        if (chunk == HT_LEAK_NOWHERE || !ht_leak_heap_is_reached(k->whole, chunk))
            k->of[i] = 0;
    }
    if (n >= UINT32_MAX)
        return -E2BIG;
    if (n)
        qsort(node, n, sizeof *node, by_address);
    k->n = n;
    if (alloc_state(k, n))
        return -ENOMEM;
    memset(k->candidate, 1, n);
    for (size_t i = 0; i < n; i++) {
        k->kind[i] = (uint8_t)node[i].head;
        node[i].head = 0;
    }
    for (size_t i = 0; i < l->n; i++) {
        const struct ht_leak_block *b = &l->block[i];
        size_t at = k->of[i] == UINT32_MAX ? n : node_at(node, n, b->addr);
        k->of[i] = at < n ? (uint32_t)at : UINT32_MAX;
        if (at == n)
            continue;
        node[at].record = b->record;
        node[at].site = b->site;
    }
    return 0;
}

int ht_leak_whole_end(struct ht_leak_search *k)
{
    struct ht_leaks *l = k->l;
    int err = ht_leak_heap_reach(k->whole);
    if (!err)
        err = make_nodes(k);
    ht_leak_heap_destroy(k->whole);
    k->whole = NULL;
    if (err != -E2BIG && err != -EINVAL)
        return err;
    snprintf(l->unwalked, sizeof l->unwalked, "%s",
             err == -E2BIG ? "the heap has too many blocks for the memory that is to be had here"
                           : "the heap changed too much while it was walked");
    k->walk = false;
    l->outside = 0;
    free(k->of);
    free(k->kind);
    free(k->met);
    free(k->confirmed);
    k->of = NULL;
    k->kind = NULL;
    k->confirmed = NULL;
    k->met = NULL;
    return ht_leak_nodes_of_blocks(k);
}

/* --- later passes -------------------------------------------------------------------------------
 */

static size_t first_from(const struct ht_leak_search *k, uint64_t at)
{
    size_t low = 0, high = k->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (k->node[middle].addr < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void check_chunk(void *ctx, uint64_t at, uint64_t size, bool used)
{
    struct ht_leak_search *k = ctx;
    size_t i = k->cursor;
    if (i && k->node[i - 1].addr >= at + 16)
        i = first_from(k, at + 16); /* a heap that lies lower */
    while (i < k->n && k->node[i].addr < at + 16)
        i++;
    k->cursor = i;
    if (i < k->n && k->node[i].addr == at + 16 && k->kind[i] == HT_NODE_CHUNK && used &&
        k->node[i].size + 8 == size)
        k->met[i] = HT_MET;
}

static void check_again(void *ctx, uint64_t from)
{
    struct ht_leak_search *k = ctx;
    size_t until = k->cursor;
    k->cursor = first_from(k, from + 16);
    for (size_t i = k->cursor; i <= until && i < k->n; i++)
        k->met[i] = HT_MET_UNKNOWN;
}

static void check_end(void *ctx, uint64_t first, uint64_t at)
{
    struct ht_leak_search *k = ctx;
    for (size_t i = first_from(k, first + 16); i < k->n && k->node[i].addr < at + 16; i++)
        if (k->met[i] == HT_MET_UNKNOWN)
            k->met[i] = HT_MET_NOT;
}

static void check_doubt(void *ctx, uint64_t at)
{
    struct ht_leak_search *k = ctx;
    size_t i = first_from(k, at + 16);
    if (i < k->n && k->node[i].addr == at + 16)
        k->met[i] = HT_MET_UNKNOWN;
}

void ht_leak_check_to(struct ht_leak_search *k, struct ht_leak_walk_to *to)
{
    *to = (struct ht_leak_walk_to){.chunk = check_chunk,
                                   .again = check_again,
                                   .end = check_end,
                                   .doubt = check_doubt,
                                   .ctx = k};
}

void ht_leak_check_mapped(struct ht_leak_search *k, struct ht_leak_reader *d)
{
    for (size_t i = 0; i < k->n; i++) {
        uint64_t head;
        if (k->kind[i] != HT_NODE_MAPPED || !k->candidate[i])
            continue;
        bool met = ht_leak_reader_word(d, k->node[i].addr - 8, &head) &&
                   (head & FLAGS) == IS_MMAPPED &&
                   (head & ~(uint64_t)FLAGS) == k->node[i].size + 16;
        k->met[i] = met ? HT_MET : HT_MET_NOT;
    }
}

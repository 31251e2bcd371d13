/* SPDX-License-Identifier: MIT */
/*
 * A pass reads all pointers between blocks, and all other pointers to blocks with their addresses.
 * As in a search for leaks, a pass may miss a pointer that moves, so blocks without a path are
 * looked for in further passes. A block's path and place are those of the pass that found them.
 */
#include "config.h"

#include "leaks/who.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "leaks/look.h"
#include "leaks/trace.h"
#include "leaks/who_places.h"
#include "leaks/who_rows.h"
#include "leaks/who_sites.h"

#define CACHED 1024u /* roots whose place is kept */

struct who {
    struct ht_who *w;
    const struct ht_who_options *o;
    struct ht_leak_search k;
    struct ht_who_sites sites;
    struct ht_who_rows rows;
    const struct ht_who_site **site; /* of each block; NULL: not known */
    bool *asked;                     /* of each block: asked about, and still without a path */
    bool *outside;                   /* of each block: in no chunk that the last walk met */
    /* Of one pass. */
    struct ht_leak_roots roots;
    struct ht_leak_order order; /* without a walk */
    uint32_t *sample;           /* with one, of each chunk: its block + 1; 0: it has no sample */
    struct ht_trace trace;
    struct ht_who_places places;
    struct ht_who_threads threads;
    struct ht_who_holder *cache; /* places of roots, by number */
    uint32_t *cached;            /* the number of the root of each entry, + 1 */
};

/* --- the graph ----------------------------------------------------------------------------------
 */

static size_t edges_of(const void *ctx, uint32_t from, size_t *first)
{
    const struct who *x = ctx;
    if (x->k.whole) {
        *first = x->k.whole->first[from];
        return x->k.whole->first[from + 1] - *first;
    }
    *first = x->order.first[from];
    return x->order.first[from + 1] - *first;
}

static uint32_t chunk_of(const struct who *x, uint32_t granule)
{
    size_t chunk = ht_leak_heap_chunk_of(x->k.whole, granule);
    return chunk == HT_LEAK_NOWHERE ? HT_TRACE_NONE : (uint32_t)chunk;
}

static uint32_t target_of(const void *ctx, size_t edge)
{
    const struct who *x = ctx;
    return x->k.whole ? chunk_of(x, x->k.whole->to[edge]) : x->order.to[edge];
}

/* The block of a node; n: it has no sample. */
static size_t block_of(const struct who *x, uint32_t node)
{
    if (!x->k.whole)
        return node;
    return x->sample[node] ? x->sample[node] - 1 : x->w->look.n;
}

static uint32_t owner_of(const struct who *x, size_t block)
{
    const struct ht_who_site *s = x->site[block];
    return s ? s->owner : (uint32_t)x->w->n_owners - 1;
}

static uint32_t name_of(const void *ctx, uint32_t node)
{
    const struct who *x = ctx;
    size_t block = block_of(x, node);
    return block < x->w->look.n ? owner_of(x, block) : HT_TRACE_NONE;
}

static uint32_t size_of(const void *ctx, uint32_t node)
{
    const struct who *x = ctx;
    size_t block = block_of(x, node);
    if (!x->k.whole)
        return 0;
    if (block == x->w->look.n)
        return ht_leak_heap_granules(x->k.whole, node);
    /* A sample may have a larger chunk than others of its size, for it was placed. */
    uint64_t granules = (x->w->look.block[block].size + 8 + 15) / 16;
    return granules < 2 ? 2 : (uint32_t)granules;
}

/* The node of a block; HT_TRACE_NONE: it lies outside of the heaps that were walked. */
static uint32_t node_of(const struct who *x, size_t block)
{
    if (!x->k.whole)
        return (uint32_t)block;
    size_t chunk = ht_leak_heap_chunk(x->k.whole, x->w->look.block[block].addr);
    return chunk == HT_LEAK_NOWHERE ? HT_TRACE_NONE : (uint32_t)chunk;
}

static int find_samples(struct who *x)
{
    free(x->sample);
    x->sample = calloc(x->k.whole->n + 1, sizeof *x->sample);
    if (!x->sample)
        return -ENOMEM;
    for (size_t i = 0; i < x->w->look.n; i++) {
        uint32_t node = node_of(x, i);
        x->outside[i] = node == HT_TRACE_NONE;
        if (!x->outside[i])
            x->sample[node] = (uint32_t)i + 1;
    }
    return 0;
}

/* Follows the roots kind after kind, so that a block that a variable leads to is not a thread's. */
static int trace(struct who *x)
{
    const struct ht_trace_graph g = {
        .n = (uint32_t)(x->k.whole ? x->k.whole->n : x->w->look.n),
        .ctx = x,
        .edges = edges_of,
        .target = target_of,
        .name = name_of,
        .size = size_of,
    };
    uint8_t *kind = malloc(x->roots.n + 1);
    int err = kind ? ht_trace_begin(&x->trace, g.n) : -ENOMEM;
    for (size_t i = 0; !err && i < x->roots.n; i++)
        kind[i] = (uint8_t)ht_who_kind_of(&x->places, x->roots.root[i].at);
    for (int wanted = HT_WHO_GLOBAL; !err && wanted < HT_WHO_KINDS; wanted++) {
        for (size_t i = 0; i < x->roots.n; i++) {
            uint32_t to = x->roots.root[i].to;
            if (kind[i] == wanted)
                ht_trace_root(&x->trace, &g, (uint32_t)i, x->k.whole ? chunk_of(x, to) : to);
        }
        ht_trace_follow(&x->trace, &g);
    }
    free(kind);
    return err;
}

/* --- ways ---------------------------------------------------------------------------------------
 */

static uint64_t age_of(const struct who *x, size_t block)
{
    const struct ht_leaks *l = &x->w->look;
    return l->now_s > l->block[block].time ? l->now_s - l->block[block].time : 0;
}

static int root_of(struct who *x, uint32_t root, struct ht_who_holder *h)
{
    size_t at = root % CACHED;
    if (x->cached[at] != root + 1) {
        int err = ht_who_place_of(&x->places, x->w, x->roots.root[root].at, &x->cache[at]);
        if (err)
            return err;
        x->cached[at] = root + 1;
    }
    *h = x->cache[at];
    return 0;
}

static struct ht_who_holder holder_of(const struct who *x, uint32_t node)
{
    const struct ht_trace *t = &x->trace;
    size_t block = block_of(x, node);
    struct ht_who_holder h = {
        .kind = HT_WHO_BLOCK, .name = t->name[node], .least = t->run[node], .most = t->run[node]};
    h.aged = block < x->w->look.n;
    h.oldest_s = h.aged ? age_of(x, block) : 0;
    if (h.name == HT_TRACE_NONE) {
        h.name = HT_WHO_NO_SAMPLE;
        h.low = h.high = 16ull * ht_leak_heap_granules(x->k.whole, node) - 8;
    }
    return h;
}

static int way_to(struct who *x, uint32_t node, struct ht_who_way *way)
{
    const struct ht_trace *t = &x->trace;
    *way = (struct ht_who_way){.own = t->run[node] - 1};
    for (uint32_t up = t->up[node]; up != HT_TRACE_NONE; up = t->up[up]) {
        if (way->n == x->o->holders) {
            way->cut = true;
            break;
        }
        struct ht_who_holder h = holder_of(x, up), *last = way->n ? &way->holder[way->n - 1] : &h;
        if (last == &h || h.name != HT_WHO_NO_SAMPLE || last->name != HT_WHO_NO_SAMPLE) {
            way->holder[way->n++] = h;
            continue;
        }
        /* Different blocks, of which only the size is known. */
        last->least = last->most += h.most;
        last->low = h.low < last->low ? h.low : last->low;
        last->high = h.high > last->high ? h.high : last->high;
    }
    return root_of(x, t->root[node], &way->holder[way->n++]);
}

static int add_block(struct who *x, size_t block, const struct ht_who_way *way)
{
    const struct ht_who_site *s = x->site[block];
    return ht_who_rows_add(&x->rows, owner_of(x, block), &x->w->look.block[block], (double)s->rate,
                           age_of(x, block), way);
}

/* Adds the blocks to which this pass found a path. */
static int add_held(struct who *x)
{
    struct ht_who_way *way = malloc(sizeof *way);
    int err = way ? 0 : -ENOMEM;
    for (size_t i = 0; i < x->w->look.n && !err; i++) {
        uint32_t node = x->asked[i] && !x->k.gone[i] ? node_of(x, i) : HT_TRACE_NONE;
        if (node == HT_TRACE_NONE || x->trace.root[node] == HT_TRACE_NONE)
            continue;
        err = way_to(x, node, way);
        if (!err)
            err = add_block(x, i, way);
        x->asked[i] = false;
    }
    free(way);
    return err;
}

/* --- passes -------------------------------------------------------------------------------------
 */

static void end_pass(struct who *x)
{
    ht_leak_heap_destroy(x->k.whole);
    x->k.whole = NULL;
    ht_leak_order_free(&x->order);
    ht_trace_free(&x->trace);
    ht_who_places_end(&x->places);
    ht_who_threads_free(&x->threads);
    x->roots.n = 0;
}

/* Makes a graph of what was read. -E2BIG: the heap cannot be walked; l->unwalked says why. */
static int take_pass(struct who *x)
{
    struct ht_leak_heap *g = x->k.whole;
    int err = x->roots.failed;
    if (!err)
        err = g ? ht_leak_heap_seal(g) : ht_leak_graph_sort(&x->k.graph, x->w->look.n, &x->order);
    if (g && (err == -E2BIG || err == -EINVAL)) {
        snprintf(x->w->look.unwalked, sizeof x->w->look.unwalked, "%s",
                 err == -E2BIG
                     ? "the heap has too many blocks for the memory that is to be had here"
                     : "the heap changed too much while it was walked");
        return -E2BIG;
    }
    return err || !g ? err : find_samples(x);
}

static int one_pass(struct who *x, unsigned number, char *msg, size_t msg_size)
{
    struct ht_leak_search *k = &x->k;
    bool walk = k->walk;
    int err = ht_who_threads_read(k->r, x->o->look.stop, k->l, &x->threads, msg, msg_size);
    k->copy = x->threads.copy;
    k->n_copies = x->threads.n_copies;
    x->roots.failed = 0;
    memset(x->cached, 0, CACHED * sizeof *x->cached);
    if (!err && !walk)
        err = ht_leak_make_index(k);
    if (!err)
        err = ht_leak_pass(k, walk ? 0 : number);
    if (!err)
        err = take_pass(x);
    if (!err)
        err = ht_leak_find_gone(k, msg, msg_size);
    if (!err)
        err = ht_who_places_begin(&x->places, k->r, x->o, k->l, &x->threads);
    if (!err)
        err = trace(x);
    if (!err)
        err = add_held(x);
    end_pass(x);
    if (err == -E2BIG && walk) {
        k->walk = false;
        memset(x->outside, 0, x->w->look.n);
        return -EAGAIN;
    }
    return err;
}

static size_t count_left(const struct who *x)
{
    size_t left = 0;
    for (size_t i = 0; i < x->w->look.n; i++)
        left += x->asked[i] && !x->k.gone[i] && !x->outside[i];
    return left;
}

static int passes(struct who *x, char *msg, size_t msg_size)
{
    struct ht_leaks *l = x->k.l;
    size_t left = SIZE_MAX;
    while (left && l->n_passes < x->o->look.passes) {
        uint64_t began = ht_leak_now_ns();
        int err = one_pass(x, l->n_passes, msg, msg_size);
        if (err == -EAGAIN)
            continue;
        if (err)
            return err;
        l->candidates[l->n_passes++] = left = count_left(x);
        if (x->o->look.progress)
            x->o->look.progress(x->o->look.ctx, l, x->k.resident, x->k.resident);
        if (left && l->n_passes < x->o->look.passes)
            ht_leak_wait_until(began + x->o->look.every_ns);
    }
    return 0;
}

/* Adds the blocks to which no pass found a path. */
static int add_unheld(struct who *x)
{
    struct ht_who_way *nobody = calloc(1, sizeof *nobody);
    int err = nobody ? 0 : -ENOMEM;
    for (size_t i = 0; i < x->w->look.n && !err; i++) {
        if (!x->asked[i])
            continue;
        if (x->k.gone[i]) {
            x->w->freed++;
        } else if (x->outside[i]) {
            x->w->outside++;
        } else {
            x->w->unheld++;
            err = add_block(x, i, nobody);
        }
    }
    free(nobody);
    return err;
}

/* --- beginning ----------------------------------------------------------------------------------
 */

static int ask(struct who *x, char *msg, size_t msg_size)
{
    struct ht_leaks *l = &x->w->look;
    uint64_t start = l->region.view.header->start_mono_ns, now = ht_leak_now_ns();
    l->now_s = now > start ? (now - start) / 1000000000u : 0;
    x->site = calloc(l->n + 1, sizeof *x->site);
    x->asked = calloc(l->n + 1, 1);
    x->outside = calloc(l->n + 1, 1);
    x->cache = calloc(CACHED, sizeof *x->cache);
    x->cached = calloc(CACHED, sizeof *x->cached);
    if (!x->site || !x->asked || !x->outside || !x->cache || !x->cached)
        return -ENOMEM;
    for (size_t i = 0; i < l->n; i++) {
        x->site[i] = ht_who_site_find(&x->sites, l->block[i].site);
        x->asked[i] = x->site[i] && x->site[i]->asked && age_of(x, i) >= x->o->oldest_s;
        x->w->asked += x->asked[i];
    }
    if (x->w->asked)
        return 0;
    snprintf(msg, msg_size,
             "no live block%s of process %d was allocated by way of a function that "
             "matches %s",
             x->o->oldest_s ? " so old" : "", (int)x->k.r->pid, x->o->site);
    return -ENODATA;
}

static int look(struct who *x, char *msg, size_t msg_size)
{
    struct ht_leak_search *k = &x->k;
    struct ht_leaks *l = k->l;
    int err = ht_leak_open(k->r, l, msg, msg_size);
    if (!err)
        err = ht_leak_collect(l);
    if (!err)
        err = ht_who_sites_make(x->w, x->o, &x->sites, msg, msg_size);
    if (!err)
        err = ask(x, msg, msg_size);
    if (!err)
        err = ht_leak_nodes_of_blocks(k);
    if (!err && !(k->at = malloc(HT_LEAK_READ / 8 * sizeof *k->at)))
        err = -ENOMEM;
    if (!err && !l->exact)
        k->walk = ht_leak_can_walk(k);
    if (!err)
        err = passes(x, msg, msg_size);
    l->walked = k->walk;
    return err ? err : add_unheld(x);
}

int ht_leaks_who(struct ht_remote *r, const struct ht_who_options *o, struct ht_who *out, char *msg,
                 size_t msg_size)
{
    struct who x = {.w = out, .o = o, .rows.w = out};
    *out = (struct ht_who){0};
    *msg = '\0';
    x.k = (struct ht_leak_search){.r = r, .o = &o->look, .l = &out->look, .roots = &x.roots};
    x.roots.limit = ht_leak_memory_limit();
    int err = look(&x, msg, msg_size);
    ht_leak_said(r, err, msg, msg_size);
    end_pass(&x);
    ht_who_rows_finish(&x.rows);
    ht_leak_roots_free(&x.roots);
    ht_leak_search_free(&x.k);
    ht_who_sites_free(&x.sites);
    free(x.sample);
    free(x.site);
    free(x.asked);
    free(x.outside);
    free(x.cache);
    free(x.cached);
    return err;
}

void ht_who_free(struct ht_who *w)
{
    for (size_t i = 0; i < w->n; i++)
        free(w->row[i].holder);
    for (size_t i = 0; i < w->n_owners; i++) {
        free(w->owner[i].name);
        free(w->owner[i].path);
    }
    for (size_t i = 0; i < w->n_places; i++) {
        free(w->place[i].name);
        free(w->place[i].object);
        free(w->place[i].thread);
    }
    free(w->row);
    free(w->owner);
    free(w->place);
    ht_leaks_free(&w->look);
    *w = (struct ht_who){0};
}

/* SPDX-License-Identifier: MIT */
/*
 * Samples become nodes, one for each distinct function (or line, file, address), and edges
 * between callers and callees. A node that a stack has twice is counted once. Sums wrap as Go's
 * do.
 */
#include "config.h"

#include "report/graph.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/graph_tags.h"
#include "report/paths.h"

int64_t ht_abs64(int64_t v)
{
    return v < 0 ? (int64_t)(0 - (uint64_t)v) : v;
}

/* Sums wrap as Go's do; a hostile file must not be undefined behaviour. */
static void add64(int64_t *a, int64_t b)
{
    *a = (int64_t)((uint64_t)*a + (uint64_t)b);
}

static size_t info_hash(const struct ht_graph_node_info *i)
{
    uint64_t h = ht_graph_mix((uintptr_t)i->name);
    h = ht_graph_mix(h + (uintptr_t)i->file);
    h = ht_graph_mix(h + (uintptr_t)i->objfile);
    h = ht_graph_mix(h + i->address);
    return ht_graph_mix(h + (uint64_t)i->line * 31 + (uint64_t)i->start_line);
}

static bool info_equal(const struct ht_graph_node_info *a, const struct ht_graph_node_info *b)
{
    return a->name == b->name && a->file == b->file && a->objfile == b->objfile &&
           a->address == b->address && a->start_line == b->start_line && a->line == b->line;
}

static struct ht_graph_node *node_for(struct ht_graph *g, const struct ht_graph_node_info *info)
{
    struct ht_graph_node **slot = &g->node_hash[info_hash(info) & (g->node_hash_size - 1)];
    for (struct ht_graph_node *n = *slot; n; n = n->hash_next)
        if (info_equal(&n->info, info))
            return n;
    struct ht_graph_node *n = ht_profile_alloc(g->p, sizeof(*n));
    if (!n) {
        g->err = -ENOMEM;
        return NULL;
    }
    n->info = *info;
    n->kept = true;
    n->index = (uint32_t)g->n_all;
    n->hash_next = *slot;
    *slot = n;
    g->all[g->n_all++] = n;
    return n;
}

static const char *clean_file(struct ht_profile *p, const char *file)
{
    if (!*file)
        return file;
    char *clean = ht_path_clean(file);
    const char *s = clean ? ht_profile_str(p, clean) : NULL;
    free(clean);
    return s;
}

static struct ht_graph_node *node_of_line(struct ht_graph *g, const struct ht_location *l,
                                          const struct ht_line *line)
{
    const char *none = ht_profile_str(g->p, "");
    const char *objfile = l->mapping ? l->mapping->file : none;
    struct ht_graph_node_info info = {
        .name = none, .file = none, .objfile = none, .address = l->address};
    if (!line || !line->function) {
        info.objfile = objfile;
    } else {
        const struct ht_function *f = line->function;
        info.name = f->name;
        info.line = line->line;
        info.file = clean_file(g->p, f->filename);
        if (g->o.obj_names || !*f->name) {
            info.objfile = objfile;
            info.start_line = f->start_line;
        }
    }
    if (!none || !info.file) {
        g->err = -ENOMEM;
        return NULL;
    }
    struct ht_graph_node *n = node_for(g, &info);
    if (n && !n->object)
        n->object = objfile;
    return n;
}

static size_t frames_of(const struct ht_location *l)
{
    return l->n_lines ? l->n_lines : 1;
}

static int make_nodes(struct ht_graph *g)
{
    size_t total = 0;
    for (size_t i = 0; i < g->p->n_locations; i++)
        total += frames_of(g->p->locations[i]);
    for (g->node_hash_size = 64; g->node_hash_size < total * 2;)
        g->node_hash_size *= 2;
    g->all = calloc(total + 1, sizeof(g->all[0]));
    g->nodes = calloc(total + 1, sizeof(g->nodes[0]));
    g->frames = calloc(total + 1, sizeof(g->frames[0]));
    g->first_frame = calloc(g->p->n_locations + 1, sizeof(g->first_frame[0]));
    g->node_hash = calloc(g->node_hash_size, sizeof(g->node_hash[0]));
    g->edge_hash_size = 1024;
    g->edge_hash = calloc(g->edge_hash_size, sizeof(g->edge_hash[0]));
    if (!g->all || !g->nodes || !g->frames || !g->first_frame || !g->node_hash || !g->edge_hash)
        return -ENOMEM;
    size_t at = 0;
    for (size_t i = 0; i < g->p->n_locations && !g->err; i++) {
        struct ht_location *l = g->p->locations[i];
        l->id = i + 1;
        g->first_frame[i] = at;
        for (size_t k = 0; k < frames_of(l); k++)
            g->frames[at++] = node_of_line(g, l, l->n_lines ? &l->lines[k] : NULL);
    }
    return g->err;
}

static size_t edge_slot(const struct ht_graph *g, const struct ht_graph_node *a,
                        const struct ht_graph_node *b)
{
    return ht_graph_mix(((uint64_t)a->index << 32 | b->index) + 1) & (g->edge_hash_size - 1);
}

static void grow_edge_hash(struct ht_graph *g)
{
    size_t old_size = g->edge_hash_size;
    struct ht_edge **old = g->edge_hash, **table = calloc(old_size * 4, sizeof(table[0]));
    if (!table)
        return; /* chains become longer, which is harmless */
    g->edge_hash = table;
    g->edge_hash_size = old_size * 4;
    for (size_t i = 0; i < old_size; i++)
        for (struct ht_edge *e = old[i], *next; e; e = next) {
            next = e->hash_next;
            size_t slot = edge_slot(g, e->src, e->dest);
            e->hash_next = table[slot];
            table[slot] = e;
        }
    free(old);
}

static struct ht_edge *edge_between(struct ht_graph *g, struct ht_graph_node *src,
                                    struct ht_graph_node *dest)
{
    size_t slot = edge_slot(g, src, dest);
    for (struct ht_edge *e = g->edge_hash[slot]; e; e = e->hash_next)
        if (e->src == src && e->dest == dest)
            return e;
    struct ht_edge *e = ht_profile_alloc(g->p, sizeof(*e));
    if (!e) {
        g->err = -ENOMEM;
        return NULL;
    }
    e->src = src;
    e->dest = dest;
    e->is_inline = true; /* until a call that is not */
    e->hash_next = g->edge_hash[slot];
    g->edge_hash[slot] = e;
    e->next_in = dest->in;
    dest->in = e;
    e->next_out = src->out;
    src->out = e;
    if (++g->n_edges > g->edge_hash_size)
        grow_edge_hash(g);
    return e;
}

struct weight {
    int64_t w, dw;
    const struct ht_tag *tags; /* what the sample's labels ask for, linked by next */
};

static void add_tags(struct ht_graph *g, struct ht_graph_node *n, const struct weight *w, bool flat)
{
    for (const struct ht_tag *like = w->tags; like; like = like->next) {
        struct ht_tag *t = ht_graph_tag(g, n, like);
        if (!t)
            return;
        add64(flat ? &t->flat : &t->cum, w->w);
        add64(flat ? &t->flat_div : &t->cum_div, w->dw);
    }
}

/* The most frequent operation of a report: usually two additions. */
static inline void add_sample(struct ht_graph *g, struct ht_graph_node *n, const struct weight *w,
                              bool flat)
{
    add64(flat ? &n->flat : &n->cum, w->w);
    if (w->dw)
        add64(flat ? &n->flat_div : &n->cum_div, w->dw);
    if (w->tags)
        add_tags(g, n, w, flat);
}

static void add_stack(struct ht_graph *g, const struct ht_sample *s, const struct weight *w)
{
    struct ht_graph_node *parent = NULL;
    bool residual = false;
    g->stamp++;
    for (size_t i = s->n_locations; i-- > 0;) {
        const struct ht_location *l = s->locations[i];
        size_t n_frames = frames_of(l);
        struct ht_graph_node **frames = &g->frames[g->first_frame[l->id - 1]];
        for (size_t k = n_frames; k-- > 0;) {
            struct ht_graph_node *n = frames[k];
            if (!n->kept) {
                residual = true;
                continue;
            }
            if (n->seen != g->stamp) {
                n->seen = g->stamp;
                add_sample(g, n, w, false);
            }
            struct ht_edge *e = parent && parent != n ? edge_between(g, parent, n) : NULL;
            if (e && e->seen != g->stamp) {
                e->seen = g->stamp;
                add64(&e->weight, w->w);
                if (w->dw)
                    add64(&e->weight_div, w->dw);
                e->residual |= residual;
                e->is_inline &= k != n_frames - 1;
            }
            parent = n;
            residual = false;
        }
    }
    if (parent && !residual)
        add_sample(g, parent, w, true);
}

static bool is_negative(const struct ht_graph_node *n)
{
    return n->flat < 0 || (n->flat == 0 && n->cum < 0);
}

static int add_samples(struct ht_graph *g)
{
    for (size_t i = 0; i < g->p->n_samples && !g->err; i++) {
        const struct ht_sample *s = &g->p->samples[i];
        struct weight w = {.w = s->values[g->o.value]};
        if (g->o.divisor >= 0)
            w.dw = s->values[g->o.divisor];
        if (!w.w && !w.dw)
            continue;
        if (g->o.tags)
            w.tags = ht_graph_sample_tags(g, s);
        add_stack(g, s, &w);
    }
    g->n_nodes = 0;
    for (size_t i = 0; i < g->n_all; i++) {
        struct ht_graph_node *n = g->all[i];
        if (n->kept && (n->cum || n->flat) && !(g->o.drop_negative && is_negative(n)))
            g->nodes[g->n_nodes++] = n;
    }
    return g->err;
}

int ht_graph_init(struct ht_graph *g, struct ht_profile *p, const struct ht_graph_options *o)
{
    *g = (struct ht_graph){.p = p, .o = *o};
    int err = make_nodes(g);
    if (!err && !o->frames_only)
        err = add_samples(g);
    if (err)
        ht_graph_finish(g);
    return err;
}

int ht_graph_rebuild(struct ht_graph *g)
{
    memset(g->edge_hash, 0, g->edge_hash_size * sizeof(g->edge_hash[0]));
    g->n_edges = g->n_tags = 0;
    if (g->tag_hash)
        memset(g->tag_hash, 0, g->tag_hash_size * sizeof(g->tag_hash[0]));
    for (size_t i = 0; i < g->n_all; i++) {
        struct ht_graph_node *n = g->all[i];
        n->flat = n->flat_div = n->cum = n->cum_div = 0;
        n->in = n->out = NULL;
        n->tags = NULL;
    }
    return add_samples(g);
}

/* By location id - 1: whether one of its frames is kept. To be freed; NULL when memory is out. */
static bool *kept_locations(const struct ht_graph *g)
{
    bool *keeps = calloc(g->p->n_locations + 1, sizeof(*keeps));
    for (size_t i = 0; keeps && i < g->p->n_locations; i++) {
        const struct ht_location *l = g->p->locations[i];
        struct ht_graph_node **frames = &g->frames[g->first_frame[l->id - 1]];
        for (size_t k = frames_of(l); k-- > 0;)
            keeps[l->id - 1] |= frames[k]->kept;
    }
    return keeps;
}

/* Like add_stack, which adds weights. Of most stacks few frames are kept. */
static void add_evidence(struct ht_graph *g, const bool *keeps, const struct ht_sample *s,
                         const struct ht_evidence *e)
{
    uint32_t stamp = ++g->stamp;
    for (size_t i = s->n_locations; i-- > 0;) {
        if (!keeps[s->locations[i]->id - 1])
            continue;
        struct ht_graph_node **frames = &g->frames[g->first_frame[s->locations[i]->id - 1]];
        for (size_t k = frames_of(s->locations[i]); k-- > 0;)
            if (frames[k]->kept && frames[k]->seen != stamp) {
                frames[k]->seen = stamp;
                ht_evidence_sum(&frames[k]->evidence[1], e);
            }
    }
    struct ht_graph_node *innermost =
        s->n_locations ? g->frames[g->first_frame[s->locations[0]->id - 1]] : NULL;
    if (innermost && innermost->kept)
        ht_evidence_sum(&innermost->evidence[0], e);
}

int ht_graph_add_evidence(struct ht_graph *g, const struct ht_sampling *sampling, double *samples)
{
    *samples = 0;
    for (size_t i = 0; i < g->n_all; i++)
        if (g->all[i]->kept &&
            !(g->all[i]->evidence = ht_profile_alloc(g->p, 2 * sizeof(*g->all[i]->evidence))))
            return -ENOMEM;
    bool *keeps = kept_locations(g);
    if (!keeps)
        return -ENOMEM;
    for (size_t i = 0; i < g->p->n_samples; i++) {
        const struct ht_sample *s = &g->p->samples[i];
        struct ht_observation o;
        if (!ht_sampling_observe(sampling, s, &o))
            continue;
        struct ht_evidence e = ht_evidence_of(&o);
        *samples += e.samples;
        add_evidence(g, keeps, s, &e);
    }
    free(keeps);
    return 0;
}

void ht_graph_finish(struct ht_graph *g)
{
    free(g->all);
    free(g->nodes);
    free(g->frames);
    free(g->first_frame);
    free(g->node_hash);
    free(g->edge_hash);
    free(g->tag_hash);
    *g = (struct ht_graph){0};
}

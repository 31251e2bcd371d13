/* SPDX-License-Identifier: MIT */
/* Labels by node and value, in a hash table: a node may have a million sizes. */
#include "config.h"

#include "report/graph_tags.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/units.h"

static size_t tag_slot(const struct ht_graph *g, const struct ht_tag *t)
{
    uint64_t h = ht_graph_mix((uintptr_t)t->name + ht_graph_mix((uintptr_t)t->group));
    return ht_graph_mix(h + (uintptr_t)t->node) & (g->tag_hash_size - 1);
}

/* A node may have a million sizes, so no walk along its list. */
static bool grow_tag_hash(struct ht_graph *g)
{
    size_t size = g->tag_hash_size ? g->tag_hash_size * 4 : 1024;
    struct ht_tag **table = calloc(size, sizeof(table[0])), **old = g->tag_hash;
    size_t old_size = g->tag_hash_size;
    if (!table)
        return old != NULL;
    g->tag_hash = table;
    g->tag_hash_size = size;
    for (size_t i = 0; i < old_size; i++)
        for (struct ht_tag *t = old[i], *next; t; t = next) {
            next = t->hash_next;
            size_t slot = tag_slot(g, t);
            t->hash_next = table[slot];
            table[slot] = t;
        }
    free(old);
    return true;
}

struct ht_tag *ht_graph_tag(struct ht_graph *g, struct ht_graph_node *n, const struct ht_tag *like)
{
    struct ht_tag key = *like, *t;
    key.node = n;
    if (g->n_tags >= g->tag_hash_size && !grow_tag_hash(g)) {
        g->err = -ENOMEM;
        return NULL;
    }
    struct ht_tag **slot = &g->tag_hash[tag_slot(g, &key)];
    for (t = *slot; t; t = t->hash_next)
        if (t->node == n && t->name == like->name && t->group == like->group)
            return t;
    if (!(t = ht_profile_alloc(g->p, sizeof(*t)))) {
        g->err = -ENOMEM;
        return NULL;
    }
    *t = key;
    t->hash_next = *slot;
    *slot = t;
    t->next = n->tags;
    n->tags = t;
    g->n_tags++;
    return t;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "key:value" of every string label, sorted and joined as dot wants it; "" when there is none. */
static const char *join_labels(struct ht_graph *g, const struct ht_sample *s)
{
    char **parts = calloc(s->n_labels + 1, sizeof(parts[0]));
    char *joined = NULL;
    size_t n = 0, size = 0;
    FILE *f = parts ? open_memstream(&joined, &size) : NULL;
    for (size_t i = 0; f && i < s->n_labels; i++) {
        const struct ht_label *l = &s->labels[i];
        if (l->str && strcmp(l->key, "pprof::base") &&
            asprintf(&parts[n], "%s:%s", l->key, l->str) >= 0)
            n++;
    }
    if (f) {
        qsort(parts, n, sizeof(parts[0]), by_text);
        for (size_t i = 0; i < n; i++)
            fprintf(f, "%s%s", i ? "\\n" : "", parts[i]);
        fclose(f);
    }
    for (size_t i = 0; i < n; i++)
        free(parts[i]);
    free(parts);
    const char *s2 = joined ? ht_profile_str(g->p, joined) : NULL;
    free(joined);
    return s2;
}

struct ht_tag *ht_graph_sample_tags(struct ht_graph *g, const struct ht_sample *s)
{
    struct ht_tag *list = NULL, *t;
    const char *joined = s->n_labels ? join_labels(g, s) : NULL;
    if (!joined)
        return NULL;
    if (*joined && (t = ht_profile_alloc(g->p, sizeof(*t)))) {
        t->name = joined;
        t->unit = "";
        list = t;
    }
    for (size_t i = 0; i < s->n_labels; i++) {
        const struct ht_label *l = &s->labels[i];
        char buf[96];
        if (l->str || strcmp(l->key, "bytes") || !(t = ht_profile_alloc(g->p, sizeof(*t))))
            continue;
        ht_unit_label(l->num, g->o.bytes_unit, g->o.output_unit, buf, sizeof(buf));
        t->group = joined;
        t->name = ht_profile_str(g->p, buf);
        t->unit = g->o.bytes_unit;
        t->value = l->num;
        t->next = list;
        list = t;
    }
    return list;
}

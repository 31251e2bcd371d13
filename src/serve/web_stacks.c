/* SPDX-License-Identifier: MIT */
/*
 * Stacks become a prefix tree. They are sorted by their frames from the root on: what a stack
 * begins with like the one before it are that one's nodes, and all others are new. So no node is
 * looked for, and those of one path lie beside each other.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "serve/web_builder.h"

struct stack {
    const struct ht_sample *sample;
    const uint32_t *frames; /* the root first */
    uint32_t n;
};

struct stacks {
    struct stack *list;
    uint32_t *frames; /* of all */
    uint32_t *known;  /* numbers of the frames of locations, the innermost first */
    size_t *first;    /* by a location's id less 1: where its frames stand there */
};

static size_t lines_of(const struct ht_location *l)
{
    return l->n_lines ? l->n_lines : 1;
}

/* Numbers the frames of a location, behind the n that are known. */
static int number_location(struct ht_web_builder *b, struct stacks *s, const struct ht_location *l,
                           size_t *n)
{
    if (s->first[l->id - 1] != SIZE_MAX)
        return 0;
    s->first[l->id - 1] = *n;
    for (size_t k = 0; k < lines_of(l); k++)
        if ((s->known[(*n)++] = ht_web_frame(b, l, k)) == UINT32_MAX)
            return -ENOMEM;
    return 0;
}

/* The same of all locations that samples have. */
static int number_frames(struct ht_web_builder *b, struct stacks *s)
{
    struct ht_profile *p = b->p;
    size_t n = 0;
    int err = 0;
    for (size_t i = 0; i < p->n_locations; i++) {
        p->locations[i]->id = i + 1;
        n += lines_of(p->locations[i]);
    }
    s->known = malloc((n + 1) * sizeof *s->known);
    s->first = malloc((p->n_locations + 1) * sizeof *s->first);
    if (!s->known || !s->first)
        return -ENOMEM;
    n = 0;
    memset(s->first, 0xff, p->n_locations * sizeof *s->first); /* SIZE_MAX */
    for (size_t i = 0; i < p->n_samples; i++)
        for (size_t k = 0; !err && k < p->samples[i].n_locations; k++)
            err = number_location(b, s, p->samples[i].locations[k], &n);
    return err;
}

static int list_stacks(const struct ht_profile *p, struct stacks *s)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_samples; i++)
        for (size_t k = 0; k < p->samples[i].n_locations; k++)
            n += lines_of(p->samples[i].locations[k]);
    s->list = malloc((p->n_samples + 1) * sizeof *s->list);
    s->frames = malloc((n + 1) * sizeof *s->frames);
    if (!s->list || !s->frames)
        return -ENOMEM;
    uint32_t *at = s->frames;
    for (size_t i = 0; i < p->n_samples; i++) {
        const struct ht_sample *sample = &p->samples[i];
        s->list[i] = (struct stack){sample, at, 0};
        for (size_t k = sample->n_locations; k-- > 0;) {
            const struct ht_location *l = sample->locations[k];
            for (size_t line = lines_of(l); line-- > 0;)
                *at++ = s->known[s->first[l->id - 1] + line];
        }
        s->list[i].n = (uint32_t)(at - s->list[i].frames);
    }
    return 0;
}

/* Equal stacks stay in the order of the samples. */
static int by_frames(const void *pa, const void *pb)
{
    const struct stack *a = pa, *b = pb;
    for (uint32_t i = 0; i < a->n && i < b->n; i++)
        if (a->frames[i] != b->frames[i])
            return a->frames[i] < b->frames[i] ? -1 : 1;
    if (a->n != b->n)
        return a->n < b->n ? -1 : 1;
    return (a->sample > b->sample) - (a->sample < b->sample);
}

static int add_node(struct ht_web_builder *b, uint32_t parent, uint32_t frame, uint32_t *number)
{
    if (b->n_nodes == UINT32_MAX / 4 ||
        !ht_web_reserve((void **)&b->nodes, &b->nodes_cap, b->n_nodes + 1, sizeof *b->nodes))
        return -ENOMEM;
    *number = b->n_nodes++;
    b->nodes[*number] = (struct ht_web_node){parent, frame};
    return 0;
}

/* path: the nodes of the stack before, the root first, with room for all of this one. */
static int add_stack(struct ht_web_builder *b, const struct stack *last, const struct stack *s,
                     uint32_t *path)
{
    uint32_t same = 0;
    while (last && same < last->n && same < s->n && last->frames[same] == s->frames[same])
        same++;
    for (uint32_t i = same; i < s->n; i++)
        if (add_node(b, path[i], s->frames[i], &path[i + 1]))
            return -ENOMEM;
    size_t line = b->owners ? ht_web_owner_line(b->owners, s->sample) : SIZE_MAX;
    return ht_web_add_values(b, path[s->n], line < s->n ? path[s->n - line] : 0, s->sample);
}

static uint32_t longest(const struct stacks *s, size_t n)
{
    uint32_t most = 0;
    for (size_t i = 0; i < n; i++)
        if (s->list[i].n > most)
            most = s->list[i].n;
    return most;
}

int ht_web_add_samples(struct ht_web_builder *b)
{
    struct stacks s = {0};
    uint32_t *path = NULL, root;
    size_t n = b->p->n_samples;
    int err = add_node(b, 0, 0, &root);
    if (!err)
        err = number_frames(b, &s);
    if (!err)
        err = list_stacks(b->p, &s);
    if (!err && !(path = calloc((size_t)longest(&s, n) + 1, sizeof *path)))
        err = -ENOMEM;
    if (!err && n)
        qsort(s.list, n, sizeof *s.list, by_frames);
    for (size_t i = 0; !err && i < n; i++)
        err = add_stack(b, i ? &s.list[i - 1] : NULL, &s.list[i], path);
    free(path);
    free(s.list);
    free(s.frames);
    free(s.known);
    free(s.first);
    return err;
}

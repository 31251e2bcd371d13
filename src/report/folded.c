/* SPDX-License-Identifier: MIT */
/* folded: one line a stack, root first, and its value. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report/context.h"
#include "report/json.h"

struct stack {
    struct ht_graph_node **frames; /* root first; points into the pool */
    size_t n;
    int64_t value;
};

struct stacks {
    struct stack *all;
    size_t n;
    struct ht_graph_node **pool;
};

static int compare_stacks(const void *pa, const void *pb, void *arg)
{
    const struct stack *a = pa, *b = pb;
    struct ht_graph *g = arg;
    for (size_t i = 0; i < a->n && i < b->n; i++)
        if (a->frames[i] != b->frames[i]) {
            int c =
                strcmp(ht_graph_node_name(g, a->frames[i]), ht_graph_node_name(g, b->frames[i]));
            return c ? c : a->frames[i]->index < b->frames[i]->index ? -1 : 1;
        }
    return (a->n > b->n) - (a->n < b->n);
}

static size_t count_frames(const struct ht_sample *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_locations; i++)
        n += s->locations[i]->n_lines ? s->locations[i]->n_lines : 1;
    return n;
}

static int collect(struct stacks *out, struct ht_report *r)
{
    const struct ht_profile *p = r->p;
    const struct ht_graph *g = &r->graph;
    size_t frames = 0, at = 0;
    for (size_t i = 0; i < p->n_samples; i++)
        frames += p->samples[i].values[r->index] ? count_frames(&p->samples[i]) : 0;
    out->all = calloc(p->n_samples + 1, sizeof(out->all[0]));
    out->pool = calloc(frames + 1, sizeof(out->pool[0]));
    if (!out->all || !out->pool)
        return -ENOMEM;
    for (size_t i = 0; i < p->n_samples; i++) {
        const struct ht_sample *s = &p->samples[i];
        struct stack *k = &out->all[out->n];
        if (!s->values[r->index] || !s->n_locations)
            continue;
        k->frames = out->pool + at;
        k->value = s->values[r->index];
        for (size_t l = s->n_locations; l-- > 0;) {
            size_t lines = s->locations[l]->n_lines ? s->locations[l]->n_lines : 1;
            for (size_t f = lines; f-- > 0;)
                out->pool[at++] = g->frames[g->first_frame[s->locations[l]->id - 1] + f];
        }
        k->n = (size_t)(out->pool + at - k->frames);
        out->n++;
    }
    return 0;
}

/* Equal stacks become one; stacks end up in order of their names. */
static void merge(struct stacks *s, struct ht_graph *g)
{
    size_t kept = 0;
    qsort_r(s->all, s->n, sizeof(s->all[0]), compare_stacks, g);
    for (size_t i = 0; i < s->n; i++) {
        struct stack *last = kept ? &s->all[kept - 1] : NULL;
        if (last && compare_stacks(last, &s->all[i], g) == 0)
            last->value = (int64_t)((uint64_t)last->value + (uint64_t)s->all[i].value);
        else
            s->all[kept++] = s->all[i];
    }
    s->n = kept;
}

/* Readers of this format split at ';' and at line ends, so these characters are replaced. */
static void print_frame(FILE *out, const char *name)
{
    for (; *name; name++)
        fputc(*name == ';' ? ':' : *name == '\n' ? ' ' : *name, out);
}

static int print_json(FILE *out, struct ht_report *r, const struct stacks *s)
{
    json_t *root = ht_json_header(r, "folded"), *list = json_array();
    for (size_t i = 0; i < s->n; i++) {
        json_t *frames = json_array();
        for (size_t k = 0; k < s->all[i].n; k++)
            json_array_append_new(frames,
                                  ht_json_text(ht_graph_node_name(&r->graph, s->all[i].frames[k])));
        json_t *stack = json_object();
        json_object_set_new(stack, "frames", frames);
        json_object_set_new(stack, "value", json_integer(s->all[i].value));
        json_array_append_new(list, stack);
    }
    json_object_set_new(root, "stacks", list);
    return ht_json_write(out, root);
}

int ht_report_folded(FILE *out, struct ht_profile *p, const struct ht_report_options *o)
{
    struct ht_report r;
    struct stacks s = {0};
    int err = ht_report_begin(&r, HT_REPORT_FOLDED, p, o);
    if (err)
        return err;
    if ((err = ht_report_whole_graph(&r)))
        goto out;
    if ((err = collect(&s, &r))) {
        ht_report_fail(&r, err, "out of memory for the stacks");
        goto out;
    }
    merge(&s, &r.graph);
    if (o->json) {
        err = print_json(out, &r, &s);
        goto out;
    }
    for (size_t i = 0; i < s.n; i++) {
        for (size_t k = 0; k < s.all[i].n; k++) {
            if (k)
                fputc(';', out);
            print_frame(out, ht_graph_node_name(&r.graph, s.all[i].frames[k]));
        }
        fprintf(out, " %" PRId64 "\n", s.all[i].value);
    }
out:
    free(s.all);
    free(s.pool);
    ht_report_finish(&r);
    return err;
}

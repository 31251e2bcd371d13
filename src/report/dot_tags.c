/* SPDX-License-Identifier: MIT */
/* The small boxes beside a node: its labels. */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "profile/units.h"
#include "report/dot.h"

#define MAX_NODELETS 4

struct tag_list {
    struct ht_tag *tags;
    size_t n;
};

static int compare_tags(const void *pa, const void *pb, void *arg)
{
    const struct ht_tag *a = pa, *b = pb;
    const bool flat = *(const bool *)arg;
    int64_t ac = ht_abs64(a->cum), bc = ht_abs64(b->cum);
    if (!flat && ac != bc)
        return ac > bc ? -1 : 1;
    int64_t af = ht_abs64(a->flat), bf = ht_abs64(b->flat);
    if (af != bf)
        return af > bf ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* The tags of a group, heaviest first. tags is NULL when there are none. */
static struct tag_list select_tags(const struct ht_graph_node *n, const char *group, bool flat)
{
    struct tag_list l = {0};
    size_t count = 0;
    for (const struct ht_tag *t = n->tags; t; t = t->next)
        count += t->group == group;
    if (!count || !(l.tags = calloc(count, sizeof(l.tags[0]))))
        return l;
    for (const struct ht_tag *t = n->tags; t; t = t->next)
        if (t->group == group)
            l.tags[l.n++] = *t;
    qsort_r(l.tags, l.n, sizeof(l.tags[0]), compare_tags, &flat);
    return l;
}

static double distance(const struct ht_tag *a, const struct ht_tag *b)
{
    return fabs((double)a->value - ht_unit_scale(b->value, b->unit, a->unit, NULL));
}

static void label_range(char *buf, size_t size, int64_t min, int64_t max, const char *unit)
{
    char low[HT_VALUE_MAX], high[HT_VALUE_MAX];
    ht_unit_label(min, unit, "auto", low, sizeof(low));
    ht_unit_label(max, unit, "auto", high, sizeof(high));
    if (min == max)
        snprintf(buf, size, "%s", low);
    else
        snprintf(buf, size, "%s..%s", low, high);
}

struct bucket {
    struct ht_tag sum;
    int64_t min, max;
    char label[2 * HT_VALUE_MAX + 2];
};

static int compare_buckets(const void *pa, const void *pb, void *arg)
{
    struct ht_tag a = ((const struct bucket *)pa)->sum, b = ((const struct bucket *)pb)->sum;
    a.name = ((const struct bucket *)pa)->label;
    b.name = ((const struct bucket *)pb)->label;
    return compare_tags(&a, &b, arg);
}

/* Many sizes become a few ranges, each around one of the heaviest. Returns how many. */
static size_t collapse(const struct tag_list *l, struct bucket *b, bool flat)
{
    size_t n = l->n < MAX_NODELETS ? l->n : MAX_NODELETS;
    for (size_t i = 0; i < l->n; i++) {
        const struct ht_tag *t = &l->tags[i];
        size_t to = 0;
        if (i < n) {
            b[i] = (struct bucket){.sum = *t, .min = t->value, .max = t->value};
            continue;
        }
        for (size_t k = 1; k < n; k++)
            if (distance(t, &l->tags[k]) < distance(t, &l->tags[to]))
                to = k;
        b[to].sum.flat += t->flat;
        b[to].sum.flat_div += t->flat_div;
        b[to].sum.cum += t->cum;
        b[to].sum.cum_div += t->cum_div;
        b[to].min = t->value < b[to].min ? t->value : b[to].min;
        b[to].max = t->value > b[to].max ? t->value : b[to].max;
    }
    for (size_t i = 0; i < n; i++) {
        label_range(b[i].label, sizeof(b[i].label), b[i].min, b[i].max, b[i].sum.unit);
        if (l->n > MAX_NODELETS) {
            b[i].sum.flat = ht_div_value(b[i].sum.flat, b[i].sum.flat_div);
            b[i].sum.cum = ht_div_value(b[i].sum.cum, b[i].sum.cum_div);
            b[i].sum.flat_div = b[i].sum.cum_div = 0;
        }
    }
    if (l->n > MAX_NODELETS)
        qsort_r(b, n, sizeof(b[0]), compare_buckets, &flat);
    return n;
}

static void print_box(FILE *out, const char *from, const char *box, const char *label,
                      const char *weight, const char *style)
{
    fprintf(out, "%s [label = \"", box);
    fputs(label, out);
    fprintf(out, "\" id=\"%s\" fontsize=8 shape=box3d tooltip=\"%s\"]\n", box, weight);
    fprintf(out, "%s -> %s [label=\" %s\" weight=100 tooltip=\"%s\" labeltooltip=\"%s\"%s]\n", from,
            box, weight, weight, weight, style);
}

static bool print_sizes(FILE *out, struct ht_report *r, const struct ht_graph_node *n,
                        const char *group, const char *source, bool flat)
{
    struct tag_list l = select_tags(n, group, flat);
    struct bucket b[MAX_NODELETS];
    bool any = false;
    size_t count = l.tags ? collapse(&l, b, flat) : 0;
    for (size_t i = 0; i < count; i++) {
        int64_t f = ht_div_value(b[i].sum.flat, b[i].sum.flat_div);
        int64_t c = ht_div_value(b[i].sum.cum, b[i].sum.cum_div);
        bool own = flat || f == c;
        char weight[HT_VALUE_MAX], box[96];
        if (!(own ? f : c))
            continue;
        snprintf(box, sizeof(box), "N%s_%zu", source, i);
        print_box(out, source, box, l.n > MAX_NODELETS ? b[i].label : b[i].sum.name,
                  ht_report_value(r, own ? f : c, weight), own ? "" : " style=\"dotted\"");
        any = true;
    }
    free(l.tags);
    return any;
}

static void print_escaped(FILE *out, const char *s)
{
    for (; *s; s++) { /* the joined labels hold "\n" as graphviz writes it */
        if (*s == '"')
            fputc('\\', out);
        fputc(*s == '\n' ? ' ' : *s, out);
    }
}

bool ht_dot_nodelets(FILE *out, struct ht_report *r, struct ht_graph_node *n, size_t id)
{
    bool flat = false, any = false;
    for (const struct ht_edge *e = n->out; e; e = e->next_out)
        flat |= !e->dead; /* a leaf also stands for what was cut off below it */
    char from[32], box[64], weight[HT_VALUE_MAX];
    snprintf(from, sizeof(from), "N%zu", id);
    struct tag_list l = select_tags(n, NULL, flat);
    for (size_t i = 0; i < l.n && i < MAX_NODELETS; i++) {
        const struct ht_tag *t = &l.tags[i];
        int64_t w = flat ? ht_div_value(t->flat, t->flat_div) : ht_div_value(t->cum, t->cum_div);
        if (!w)
            continue;
        snprintf(box, sizeof(box), "N%zu_%zu", id, i);
        char *label = NULL;
        size_t size;
        FILE *f = open_memstream(&label, &size);
        if (f) {
            print_escaped(f, t->name);
            fclose(f);
        }
        print_box(out, from, box, label ? label : "", ht_report_value(r, w, weight), "");
        free(label);
        print_sizes(out, r, n, t->name, box, flat);
        any = true;
    }
    free(l.tags);
    const char *none = ht_profile_str(r->p, "");
    return print_sizes(out, r, n, none, from, flat) || any;
}

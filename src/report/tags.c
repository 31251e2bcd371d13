/* SPDX-License-Identifier: MIT */
/* tags: the weight of each value of each label. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/units.h"
#include "report/context.h"
#include "report/intervals.h"
#include "report/json.h"

struct tag {
    const char *key, *name; /* the profile's strings: equal text is the same pointer */
    int64_t weight;
    struct ht_evidence evidence;
};

struct tags {
    struct tag *all;
    size_t n;
};

static int by_key_and_name(const void *pa, const void *pb)
{
    const struct tag *a = pa, *b = pb;
    int c = a->key == b->key ? 0 : strcmp(a->key, b->key);
    return c ? c : a->name == b->name ? 0 : strcmp(a->name, b->name);
}

static int by_key_and_weight(const void *pa, const void *pb)
{
    const struct tag *a = pa, *b = pb;
    int64_t wa = ht_abs64(a->weight), wb = ht_abs64(b->weight);
    if (a->key != b->key)
        return strcmp(a->key, b->key);
    return wa != wb ? (wa > wb ? -1 : 1) : strcmp(a->name, b->name);
}

static const char *value_name(struct ht_report *r, const struct ht_label *l)
{
    char buf[HT_VALUE_MAX];
    if (l->str)
        return l->str;
    const char *unit = ht_label_unit_of(r->label_units, r->n_label_units, l->key);
    return ht_profile_str(r->p, ht_unit_label(l->num, unit, r->output_unit, buf, sizeof(buf)));
}

/* pprof forgets samples without any weight when it loads a profile. */
static bool has_weight(const struct ht_report *r, const struct ht_sample *s)
{
    for (size_t i = 0; i < r->p->n_sample_types; i++)
        if (s->values[i])
            return true;
    return false;
}

static void add_tag(struct tag *t, const struct tag *other)
{
    t->weight = (int64_t)((uint64_t)t->weight + (uint64_t)other->weight);
    ht_evidence_sum(&t->evidence, &other->evidence);
}

static int collect(struct tags *t, struct ht_report *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->p->n_samples; i++)
        n += r->p->samples[i].n_labels;
    t->all = calloc(n + 1, sizeof(t->all[0]));
    if (!t->all)
        return -ENOMEM;
    for (size_t i = 0; i < r->p->n_samples; i++) {
        const struct ht_sample *s = &r->p->samples[i];
        for (size_t k = 0; has_weight(r, s) && k < s->n_labels; k++) {
            const char *name = value_name(r, &s->labels[k]);
            if (!name)
                return -ENOMEM;
            t->all[t->n] = (struct tag){s->labels[k].key, name, s->values[r->index], {0}};
            if (r->intervals.on)
                t->all[t->n].evidence = ht_sampling_evidence(&r->intervals.sampling, s);
            t->n++;
        }
    }
    qsort(t->all, t->n, sizeof(t->all[0]), by_key_and_name);
    size_t kept = 0;
    for (size_t i = 0; i < t->n; i++) {
        struct tag *last = kept ? &t->all[kept - 1] : NULL;
        if (last && last->key == t->all[i].key && last->name == t->all[i].name)
            add_tag(last, &t->all[i]);
        else
            t->all[kept++] = t->all[i];
    }
    t->n = kept;
    qsort(t->all, t->n, sizeof(t->all[0]), by_key_and_weight);
    return 0;
}

static int columns(const char *s)
{
    int n = 0;
    for (; *s; s++)
        n += (*s & 0xc0) != 0x80;
    return n;
}

static void amount(const struct ht_report *r, int64_t v, char *buf, size_t size)
{
    const char *unit;
    double scaled = ht_unit_scale(v, r->sample_unit, r->output_unit, &unit);
    snprintf(buf, size, "%.1f%s", scaled, unit);
}

static void weight_cell(const struct ht_report *r, int64_t v, int64_t total, char *buf, size_t size)
{
    char value[HT_VALUE_MAX], pct[HT_VALUE_MAX];
    amount(r, v, value, sizeof(value));
    if (total > 0)
        snprintf(buf, size, "%s (%s):", value, ht_report_percent(v, total, pct));
    else
        snprintf(buf, size, "%s:", value);
}

/* The tags of one key: its total, then each value, right-aligned in two columns. */
static void print_key(FILE *out, struct ht_report *r, const struct tag *t, size_t n)
{
    char cell[2 * HT_VALUE_MAX + 8];
    int64_t total = 0;
    int width = 0, indent = columns(t->key) + 2;
    for (size_t i = 0; i < n; i++)
        total = (int64_t)((uint64_t)total + (uint64_t)t[i].weight);
    for (size_t i = 0; i < n; i++) {
        weight_cell(r, t[i].weight, total, cell, sizeof(cell));
        width = columns(cell) + 1 > width ? columns(cell) + 1 : width;
    }
    amount(r, total, cell, sizeof(cell));
    fprintf(out, " %s: Total %s\n", t->key, cell);
    for (size_t i = 0; i < n; i++) {
        weight_cell(r, t[i].weight, total, cell, sizeof(cell));
        char interval[HT_VALUE_MAX] = "";
        if (ht_intervals_shown(r))
            ht_intervals_text(r, &t[i].evidence, interval);
        fprintf(out, "%*s%*s%s%s %s\n", indent, "", width - columns(cell), "", cell, interval,
                t[i].name);
    }
    fputc('\n', out);
}

static size_t of_same_key(const struct tags *t, size_t from)
{
    size_t n = 1;
    while (from + n < t->n && t->all[from + n].key == t->all[from].key)
        n++;
    return n;
}

static int print_json(FILE *out, struct ht_report *r, const struct tags *t)
{
    json_t *root = ht_json_header(r, "tags"), *keys = json_array();
    for (size_t i = 0, n; i < t->n; i += n) {
        json_t *key = json_object(), *values = json_array();
        n = of_same_key(t, i);
        for (size_t k = i; k < i + n; k++) {
            json_t *v = json_object();
            json_object_set_new(v, "value", ht_json_text(t->all[k].name));
            json_object_set_new(v, "weight", json_integer(t->all[k].weight));
            ht_intervals_json(r, &t->all[k].evidence, "weight", v);
            json_array_append_new(values, v);
        }
        json_object_set_new(key, "key", ht_json_text(t->all[i].key));
        json_object_set_new(key, "values", values);
        json_array_append_new(keys, key);
    }
    json_object_set_new(root, "tags", keys);
    return ht_json_write(out, root);
}

int ht_report_tags(FILE *out, struct ht_profile *p, const struct ht_report_options *o)
{
    struct ht_report r;
    struct tags t = {0};
    int err = ht_report_begin(&r, HT_REPORT_TAGS, p, o);
    if (err)
        return err;
    if ((err = collect(&t, &r)))
        ht_report_fail(&r, err, "out of memory for the labels");
    else if (o->json)
        err = print_json(out, &r, &t);
    else
        for (size_t i = 0, n; i < t.n; i += n) {
            n = of_same_key(&t, i);
            print_key(out, &r, t.all + i, n);
        }
    free(t.all);
    ht_report_finish(&r);
    return err;
}

/* SPDX-License-Identifier: MIT */
/* top --sizes: each site's objects by their size. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "profile/units.h"
#include "report/context.h"
#include "report/intervals.h"
#include "report/json.h"

struct row {
    struct ht_graph_node *site;
    int64_t size, objects, space;
    struct ht_evidence evidence; /* weight of the report's sample type */
};

struct rows {
    struct row *all;
    size_t n;
    long objects, space; /* sample types, -1 when the profile has none */
};

/* The types that belong to the one shown: inuse_objects and inuse_space, and so on. */
static long type_named(const struct ht_profile *p, const char *of, const char *suffix)
{
    const char *mark = strchr(of, '_');
    char want[128];
    snprintf(want, sizeof(want), "%.*s%s", mark ? (int)(mark - of + 1) : 0, of, suffix);
    for (size_t i = 0; i < p->n_sample_types; i++)
        if (!strcmp(p->sample_types[i].type, want))
            return (long)i;
    return -1;
}

static int by_site_and_size(const void *pa, const void *pb)
{
    const struct row *a = pa, *b = pb;
    if (a->site != b->site)
        return a->site->index < b->site->index ? -1 : 1;
    return (a->size > b->size) - (a->size < b->size);
}

static const struct ht_label *size_label(const struct ht_sample *s)
{
    for (size_t i = 0; i < s->n_labels; i++)
        if (!s->labels[i].str && !strcmp(s->labels[i].key, "bytes"))
            return &s->labels[i];
    return NULL;
}

static int collect(struct rows *rows, const struct ht_report *r)
{
    const struct ht_profile *p = r->p;
    const struct ht_graph *g = &r->graph;
    const char *type = p->sample_types[r->index].type;
    rows->objects = type_named(p, type, "objects");
    rows->space = type_named(p, type, "space");
    rows->all = calloc(p->n_samples + 1, sizeof(rows->all[0]));
    if (!rows->all)
        return ht_report_fail(r, -ENOMEM, "out of memory");
    for (size_t i = 0; i < p->n_samples; i++) {
        const struct ht_sample *s = &p->samples[i];
        const struct ht_label *size = size_label(s);
        if (!size || !s->n_locations || !s->values[r->index])
            continue;
        rows->all[rows->n] = (struct row){
            .site = g->frames[g->first_frame[s->locations[0]->id - 1]],
            .size = size->num,
            .objects = rows->objects >= 0 ? s->values[rows->objects] : 0,
            .space = rows->space >= 0 ? s->values[rows->space] : s->values[r->index],
        };
        if (r->intervals.on)
            rows->all[rows->n].evidence = ht_sampling_evidence(&r->intervals.sampling, s);
        rows->n++;
    }
    if (!rows->n)
        return ht_report_fail(r, -ENOENT,
                              "no sample says the size of its objects (numeric label \"bytes\")");
    qsort(rows->all, rows->n, sizeof(rows->all[0]), by_site_and_size);
    size_t kept = 0;
    for (size_t i = 0; i < rows->n; i++) {
        struct row *last = kept ? &rows->all[kept - 1] : NULL, *row = &rows->all[i];
        if (last && last->site == row->site && last->size == row->size) {
            last->objects = (int64_t)((uint64_t)last->objects + (uint64_t)row->objects);
            last->space = (int64_t)((uint64_t)last->space + (uint64_t)row->space);
            ht_evidence_sum(&last->evidence, &row->evidence);
        } else {
            rows->all[kept++] = *row;
        }
    }
    rows->n = kept;
    return 0;
}

static const struct row *rows_of(const struct rows *rows, const struct ht_graph_node *site,
                                 size_t *n)
{
    size_t low = 0, high = rows->n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (rows->all[mid].site->index < site->index)
            low = mid + 1;
        else
            high = mid;
    }
    for (*n = 0; low + *n < rows->n && rows->all[low + *n].site == site;)
        ++*n;
    return rows->all + low;
}

/* When there are too many sizes to read, they are merged into ranges of a factor of two. */
#define MAX_ROWS 16

struct range {
    int64_t low, high, objects, space;
    struct ht_evidence evidence;
};

static int64_t power_below(int64_t v)
{
    return v < 1 ? 0 : (int64_t)1 << (63 - __builtin_clzll((unsigned long long)v));
}

/* ranges has room for n, and 66 are enough for any. */
static size_t make_ranges(const struct row *row, size_t n, struct range *ranges)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        struct range *last = k ? &ranges[k - 1] : NULL;
        if (last && n > MAX_ROWS && power_below(row[i].size) == power_below(last->low)) {
            last->high = row[i].size;
            last->objects = (int64_t)((uint64_t)last->objects + (uint64_t)row[i].objects);
            last->space = (int64_t)((uint64_t)last->space + (uint64_t)row[i].space);
            ht_evidence_sum(&last->evidence, &row[i].evidence);
        } else {
            ranges[k++] = (struct range){row[i].size, row[i].size, row[i].objects, row[i].space,
                                         row[i].evidence};
        }
    }
    return k;
}

static void print_site(FILE *out, struct ht_report *r, const struct rows *rows,
                       struct ht_graph_node *site)
{
    static const char bar[] = "########################################";
    char v[HT_VALUE_MAX], pct[HT_VALUE_MAX], each[HT_VALUE_MAX];
    struct range row[MAX_ROWS + 66];
    size_t n;
    const struct row *exact = rows_of(rows, site, &n);
    int64_t most = 0;
    if (!n)
        return;
    n = make_ranges(exact, n, row);
    char interval[HT_VALUE_MAX];
    struct ht_report own_unit = *r; /* bytes of each figure, as printed here */
    own_unit.output_unit = "auto";
    fprintf(out, "%10s%s %s  %s\n", ht_report_value(r, ht_flat(site), v),
            ht_intervals_column(r, site, true, interval),
            ht_report_percent(ht_flat(site), r->total, pct), ht_graph_node_name(&r->graph, site));
    for (size_t i = 0; i < n; i++)
        most = ht_abs64(row[i].space) > most ? ht_abs64(row[i].space) : most;
    for (size_t i = 0; i < n; i++) {
        int width = most ? (int)((double)ht_abs64(row[i].space) / (double)most * 40) : 0;
        fprintf(out, "%10s ", ht_unit_label(row[i].space, "bytes", "auto", v, sizeof(v)));
        if (ht_intervals_shown(r))
            fputs(ht_intervals_text(&own_unit, &row[i].evidence, interval), out);
        if (rows->objects >= 0)
            fprintf(out, "%12" PRId64 " of", row[i].objects);
        fprintf(out, " %10s", ht_unit_label(row[i].low, "bytes", "auto", each, sizeof(each)));
        ht_unit_label(row[i].high, "bytes", "auto", each, sizeof(each));
        fprintf(out, "%s%-10s", row[i].high > row[i].low ? ".." : "  ",
                row[i].high > row[i].low ? each : "");
        fprintf(out, "%.*s\n", width, bar);
    }
}

/* The figure of a row that has the interval. */
static const char *type_suffix(const struct ht_report *r)
{
    return r->intervals.sampling.bytes ? "space" : "objects";
}

static int print_json(FILE *out, struct ht_report *r, const struct rows *rows)
{
    json_t *root = ht_json_header(r, "sizes"), *list = json_array();
    for (size_t i = 0; i < r->graph.n_nodes; i++) {
        size_t n;
        const struct row *row = rows_of(rows, r->graph.nodes[i], &n);
        if (!n)
            continue;
        json_t *site = ht_json_node(r, r->graph.nodes[i]), *sizes = json_array();
        for (size_t k = 0; k < n; k++) {
            json_t *size = json_object();
            json_object_set_new(size, "bytes", json_integer(row[k].size));
            if (rows->objects >= 0)
                json_object_set_new(size, "objects", json_integer(row[k].objects));
            json_object_set_new(size, "space", json_integer(row[k].space));
            ht_intervals_json(r, &row[k].evidence, type_suffix(r), size);
            json_array_append_new(sizes, size);
        }
        json_object_set_new(site, "sizes", sizes);
        json_array_append_new(list, site);
    }
    json_object_set_new(root, "rows", list);
    return ht_json_write(out, root);
}

int ht_report_sizes(FILE *out, struct ht_profile *p, const struct ht_report_options *o)
{
    struct ht_report r;
    struct ht_labels labels = {0};
    struct rows rows = {0};
    int err = ht_report_begin(&r, HT_REPORT_SIZES, p, o);
    if (err)
        return err;
    if ((err = ht_report_trimmed_graph(&r)) || (err = collect(&rows, &r)))
        goto out;
    if (o->json) {
        err = print_json(out, &r, &rows);
    } else if (!(err = ht_labels_report(&labels, &r, 0, false))) {
        ht_labels_print(&labels, out);
        char column[HT_VALUE_MAX];
        fprintf(out, "%10s%s %6s  %s\n", "flat", ht_intervals_title(&r, column), "flat%",
                "site: space, objects of size");
        for (size_t i = 0; i < r.graph.n_nodes; i++)
            print_site(out, &r, &rows, r.graph.nodes[i]);
    }
out:
    free(rows.all);
    ht_labels_finish(&labels);
    ht_report_finish(&r);
    return err;
}

/* SPDX-License-Identifier: MIT */
/*
 * What all reports share: the sample type, its total, filters, units, and the lines of a heading.
 */
#include "config.h"

#include "report/context.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "profile/units.h"
#include "report/intervals.h"
#include "report/paths.h"

void ht_report_options_init(struct ht_report_options *o)
{
    *o = (struct ht_report_options){
        .unit = "minimum",
        .granularity = HT_BY_FUNCTIONS,
        .nodecount = -1,
        .nodefraction = 0.005,
        .edgefraction = 0.001,
        .divide_by = 1,
        .confidence = 0.95,
    };
}

struct ht_filter ht_report_filter(const struct ht_report_options *o)
{
    return (struct ht_filter){
        .focus = o->focus,
        .ignore = o->ignore,
        .hide = o->hide,
        .show = o->show,
        .show_from = o->show_from,
        .tagfocus = o->tagfocus,
        .tagignore = o->tagignore,
        .tagshow = o->tagshow,
        .taghide = o->taghide,
        .prune_from = o->prune_from,
    };
}

int ht_report_fail(const struct ht_report *r, int err, const char *format, ...)
{
    if (r->o.msg && r->o.msg_size) {
        va_list ap;
        va_start(ap, format);
        vsnprintf(r->o.msg, r->o.msg_size, format, ap);
        va_end(ap);
    }
    return err;
}

/* Reports about chosen functions must not lose them to trimming. */
static void apply_kind(struct ht_report *r)
{
    bool trim = !r->o.no_trim;
    switch (r->kind) {
    case HT_REPORT_LIST:
        r->o.granularity = HT_BY_LINES;
        trim = false;
        break;
    case HT_REPORT_RAW:
        r->o.granularity = HT_BY_ADDRESSES;
        r->o.no_inlines = false;
        trim = false;
        break;
    case HT_REPORT_PEEK:
    case HT_REPORT_FOLDED:
    case HT_REPORT_TAGS:
    case HT_REPORT_TRACES:
        trim = false;
        break;
    case HT_REPORT_TOP:
    case HT_REPORT_SIZES:
        if (r->o.nodecount < 0)
            r->o.nodecount = 0;
        break;
    case HT_REPORT_OWNERS:
        r->o.granularity = HT_BY_ADDRESSES; /* nodes without a name are distinguished by it */
        break;
    case HT_REPORT_TREE:
    case HT_REPORT_DOT:
        if (r->o.nodecount < 0)
            r->o.nodecount = 80;
        break;
    }
    if (!trim) {
        r->o.nodecount = 0;
        r->o.nodefraction = r->o.edgefraction = 0;
    }
}

static int64_t magnitude_sum(int64_t sum, int64_t v)
{
    return (int64_t)((uint64_t)sum + (uint64_t)ht_abs64(v));
}

/* The sum of all magnitudes; of a base that is marked (--diff_base), the base's alone. */
static int64_t total_of(const struct ht_report *r)
{
    int64_t total = 0, div = 0, base_total = 0, base_div = 0;
    for (size_t i = 0; i < r->p->n_samples; i++) {
        const struct ht_sample *s = &r->p->samples[i];
        uint64_t d = r->o.mean ? (uint64_t)s->values[0] : 0;
        total = magnitude_sum(total, s->values[r->index]);
        div = (int64_t)((uint64_t)div + d);
        if (s->n_labels && ht_sample_is_diff_base(s)) {
            base_total = magnitude_sum(base_total, s->values[r->index]);
            base_div = (int64_t)((uint64_t)base_div + d);
        }
    }
    if (base_total > 0) {
        total = base_total;
        div = base_div;
    }
    return ht_div_value(total, div);
}

/* A sample without a stack counts in the total and is in no report: pprof keeps samples that
 * match the focus, and one without a stack never matches, even when there is no focus
 * (profile/filter.go). gperftools sometimes writes such a sample. */
static void drop_without_stack(struct ht_profile *p)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->n_samples; i++)
        if (p->samples[i].n_locations)
            p->samples[kept++] = p->samples[i];
    p->n_samples = kept;
}

static int filter(struct ht_report *r)
{
    static const struct {
        unsigned bit;
        const char *name;
    } names[] = {
        {HT_FOCUS, "Focus"},         {HT_IGNORE, "Ignore"},      {HT_HIDE, "Hide"},
        {HT_SHOW, "Show"},           {HT_SHOW_FROM, "ShowFrom"}, {HT_TAGFOCUS, "TagFocus"},
        {HT_TAGIGNORE, "TagIgnore"}, {HT_TAGSHOW, "TagShow"},    {HT_TAGHIDE, "TagHide"},
    };
    const struct ht_report_options *o = &r->o;
    const struct ht_filter f = ht_report_filter(o);
    unsigned unmatched = 0;
    int err = ht_profile_filter(r->p, &f, &unmatched, o->msg, o->msg_size);
    for (size_t i = 0; !err && i < sizeof(names) / sizeof(names[0]); i++)
        if (unmatched & names[i].bit)
            fprintf(stderr, "%s expression matched no samples\n", names[i].name);
    drop_without_stack(r->p);
    return err;
}

int ht_report_label_frames(struct ht_profile *p, const struct ht_report_options *o)
{
    bool by = o->by && *o->by, root, leaf;
    const struct ht_label_frames f = {.root = by ? o->by : o->tagroot,
                                      .leaf = by ? NULL : o->tagleaf,
                                      .unit = o->unit && *o->unit ? o->unit : "minimum",
                                      .only = by};
    int err = ht_profile_label_frames(p, &f, &root, &leaf);
    if (err && o->msg)
        snprintf(o->msg, o->msg_size, "%s",
                 err == -E2BIG ? "more than 16 labels as frames" : "out of memory");
    if (!err && f.root && *f.root && !root)
        fprintf(stderr, "%s expression matched no samples\n", by ? "By" : "TagRoot");
    if (!err && f.leaf && *f.leaf && !leaf)
        fputs("TagLeaf expression matched no samples\n", stderr);
    return err;
}

int ht_report_begin(struct ht_report *r, enum ht_report_kind kind, struct ht_profile *p,
                    const struct ht_report_options *o)
{
    *r = (struct ht_report){.kind = kind, .p = p, .o = *o, .output_unit = o->unit};
    if (!p->n_sample_types)
        return ht_report_fail(r, -ENODATA, "the profile has no sample types");
    apply_kind(r);
    int err, index = ht_profile_sample_index(p, o->sample_index, o->msg, o->msg_size);
    if (index < 0)
        return index;
    if (o->divide_by == 0)
        return ht_report_fail(r, -EINVAL, "divide_by=0: a number other than 0 is needed");
    r->index = (size_t)index;
    r->sample_unit = p->sample_types[index].unit;
    if (!r->output_unit || !*r->output_unit)
        r->output_unit = "minimum";
    snprintf(r->sample_type, sizeof(r->sample_type), "%s%s", o->mean ? "mean_" : "",
             p->sample_types[index].type);
    if ((err = ht_profile_label_units(p, &r->label_units, &r->n_label_units)))
        return ht_report_fail(r, err, "out of memory");
    /* A label in place of the functions comes after what is chosen by them. */
    const bool by = o->by && *o->by;
    if (!by && (err = ht_report_label_frames(p, o)))
        return err;
    if (o->symbol &&
        (err = ht_regex_create(&r->symbol, o->symbol, "argument", o->msg, o->msg_size)))
        return err;
    if (o->relative_percentages && (err = filter(r)))
        goto fail;
    r->total = total_of(r);
    if (!o->relative_percentages && (err = filter(r)))
        goto fail;
    if (by && (err = ht_report_label_frames(p, o)))
        goto fail;
    ht_intervals_begin(r);
    ht_profile_aggregate(p, r->o.granularity, r->o.no_inlines, false);
    return 0;
fail:
    ht_regex_destroy(r->symbol);
    return err;
}

void ht_report_finish(struct ht_report *r)
{
    ht_regex_destroy(r->symbol);
    ht_graph_finish(&r->graph);
}

static int64_t divided(const struct ht_report *r, int64_t v)
{
    double ratio = 1 / r->o.divide_by;
    return ratio > 0 && ratio != 1 ? (int64_t)((double)v * ratio) : v;
}

void ht_report_name(const struct ht_report *r, FILE *out, const char *name, const char *object)
{
    const struct ht_profile *p = r->p;
    bool dim = r->o.dim && p->n_mappings && object && strcmp(object, p->mappings[0]->file) != 0;
    if (dim)
        r->o.dim(out, true);
    fputs(name, out);
    if (dim)
        r->o.dim(out, false);
}

const char *ht_report_value(const struct ht_report *r, int64_t v, char buf[HT_VALUE_MAX])
{
    return ht_unit_label(divided(r, v), r->sample_unit, r->output_unit, buf, HT_VALUE_MAX);
}

const char *ht_report_percent(int64_t v, int64_t total, char buf[HT_VALUE_MAX])
{
    return ht_percentage(v, total, buf, HT_VALUE_MAX);
}

const char *ht_report_percent_trimmed(int64_t v, int64_t total, char buf[HT_VALUE_MAX])
{
    const char *s = ht_report_percent(v, total, buf);
    return s + strspn(s, " ");
}

/* One unit for the whole report: the smallest value's, or a larger one in which it is still 0.01.
 */
static void choose_output_unit(struct ht_report *r)
{
    const struct ht_graph *g = &r->graph;
    int64_t min = 0, max = r->total;
    if (strcmp(r->output_unit, "minimum") != 0 || !g->n_nodes)
        return;
    for (size_t i = 0; i < g->n_nodes; i++) {
        int64_t v = ht_abs64(ht_flat(g->nodes[i]));
        if (!v)
            v = ht_abs64(ht_cum(g->nodes[i]));
        if (v > 0 && (!min || v < min))
            min = v;
    }
    if (!min)
        min = max;
    min = divided(r, min);
    max = divided(r, max);
    const char *min_unit, *max_unit;
    ht_unit_scale(min, r->sample_unit, "minimum", &min_unit);
    ht_unit_scale(max, r->sample_unit, "minimum", &max_unit);
    const char *unit = min_unit;
    if (strcmp(min_unit, max_unit) != 0 && min < INT64_MAX / 100 && min * 100 < max)
        ht_unit_scale(100 * min, r->sample_unit, "minimum", &unit);
    r->output_unit = *unit ? unit : r->sample_unit;
}

static void trim_file_names(struct ht_report *r)
{
    for (size_t i = 0; i < r->p->n_functions; i++) {
        struct ht_function *f = r->p->functions[i];
        const char *rest = ht_path_trim(f->filename, r->o.trim_path, r->o.source_path);
        const char *s = rest == f->filename ? rest : ht_profile_str(r->p, rest);
        if (s)
            f->filename = s;
    }
}

static int build_graph(struct ht_report *r)
{
    trim_file_names(r);
    const struct ht_graph_options go = {
        .value = r->index,
        .divisor = r->o.mean ? 0 : -1,
        .obj_names = r->kind == HT_REPORT_LIST,
        .tags = r->kind == HT_REPORT_DOT,
        .drop_negative = r->o.drop_negative,
        .frames_only = r->kind == HT_REPORT_FOLDED,
        .bytes_unit = ht_label_unit_of(r->label_units, r->n_label_units, "bytes"),
        .output_unit = r->output_unit,
    };
    int err = ht_graph_init(&r->graph, r->p, &go);
    if (err)
        return ht_report_fail(r, err, "out of memory for the graph");
    r->n_before_top = r->graph.n_nodes;
    return 0;
}

static int add_evidence(struct ht_report *r)
{
    int err = r->intervals.on
                  ? ht_graph_add_evidence(&r->graph, &r->intervals.sampling, &r->intervals.samples)
                  : 0;
    return err ? ht_report_fail(r, err, "out of memory for the graph") : 0;
}

int ht_report_whole_graph(struct ht_report *r)
{
    int err = build_graph(r);
    return err ? err : add_evidence(r);
}

static int64_t cutoff(int64_t total, double fraction)
{
    double v = (double)total * fraction;
    return v > -0x1p63 && v < 0x1p63 ? ht_abs64((int64_t)v) : INT64_MAX;
}

int ht_report_trimmed_graph(struct ht_report *r)
{
    bool visual = r->kind == HT_REPORT_DOT;
    enum ht_graph_node_order order = visual        ? HT_ORDER_ENTROPY
                                     : r->o.cum    ? HT_ORDER_CUM
                                     : r->o.growth ? HT_ORDER_GROWTH
                                                   : HT_ORDER_FLAT;
    struct ht_graph *g = &r->graph;
    int err = build_graph(r);
    if (err)
        return err;
    int64_t total = 0;
    for (size_t i = 0; i < g->n_nodes; i++)
        total = (int64_t)((uint64_t)total + (uint64_t)g->nodes[i]->flat);
    int64_t node_cutoff = cutoff(total, r->o.nodefraction);
    int64_t edge_cutoff = cutoff(total, r->o.edgefraction);
    if (node_cutoff > 0) {
        size_t kept = ht_graph_keep_heavy(g, node_cutoff);
        if (kept != g->n_nodes) {
            r->dropped_nodes = g->n_nodes - kept;
            err = ht_graph_rebuild(g);
        }
    }
    r->n_before_top = g->n_nodes;
    ht_graph_nodes_sort(g, g->nodes, g->n_nodes, order);
    if (!err && r->o.nodecount > 0) {
        ht_graph_trim_tags(g, node_cutoff);
        ht_graph_trim_edges(g, edge_cutoff);
        if (ht_graph_keep_top(g, (size_t)r->o.nodecount, visual) != g->n_nodes) {
            err = ht_graph_rebuild(g);
            ht_graph_nodes_sort(g, g->nodes, g->n_nodes, order);
        }
    }
    ht_graph_trim_tags(g, node_cutoff);
    r->dropped_edges = ht_graph_trim_edges(g, edge_cutoff);
    if (!err && visual)
        err = ht_graph_remove_redundant(g);
    if (err || g->err)
        return ht_report_fail(r, -ENOMEM, "out of memory for the graph");
    choose_output_unit(r);
    return add_evidence(r);
}

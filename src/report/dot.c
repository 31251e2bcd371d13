/* SPDX-License-Identifier: MIT */
/* dot: the call graph for graphviz, drawn as pprof draws it. */
#include "config.h"

#include "report/dot.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/context.h"
#include "report/json.h"

/* Red for a positive weight, green for a negative one; the smaller, the greyer. */
static void print_color(FILE *out, double score, bool background)
{
    const double shift = 0.7;
    double saturation = background ? 0.1 : 1.0, value = background ? 0.93 : 0.7, r, g;
    if (!(score <= 1))
        score = 1;
    if (score < -1)
        score = -1;
    if (fabs(score) < 0.2)
        saturation *= fabs(score) / 0.2;
    if (score > 0)
        score = pow(score, 1 - shift);
    else if (score < 0)
        score = -pow(-score, 1 - shift);
    if (score < 0) {
        g = value;
        r = value * (1 + saturation * score);
    } else {
        r = value;
        g = value * (1 - saturation * score);
    }
    fprintf(out, "#%02x%02x%02x", (unsigned)(r * 255), (unsigned)(g * 255),
            (unsigned)(value * (1 - saturation) * 255));
}

static double score_of(const struct ht_report *r, int64_t v)
{
    return r->total ? (double)v / (double)r->total : v < 0 ? -1 : 1;
}

static void print_legend(FILE *out, struct ht_report *r, const struct ht_labels *l,
                         const char *title)
{
    fprintf(out, "digraph \"");
    ht_dot_escape(out, title ? title : "unnamed");
    fprintf(out, "\" {\nnode [style=filled fillcolor=\"#f8f8f8\"]\n");
    if (!l->n)
        return;
    fprintf(out, "subgraph cluster_L { \"");
    ht_dot_escape(out, l->line[0]);
    fprintf(out, "\" [shape=box fontsize=16 label=\"");
    for (size_t i = 0; i < l->n; i++) {
        ht_dot_escape(out, l->line[i]);
        fputs("\\l", out);
    }
    fputc('"', out);
    if (title) {
        fprintf(out, " tooltip=\"");
        ht_dot_escape(out, title);
        fputc('"', out);
    }
    fprintf(out, "] }\n");
}

static int font_size(int64_t flat, double max_flat)
{
    double f = (double)ht_abs64(flat);
    return 8 + (max_flat > 0 && flat && f <= max_flat ? (int)ceil(16 * sqrt(f / max_flat)) : 0);
}

static void print_node(FILE *out, struct ht_report *r, struct ht_graph_node *n, size_t id,
                       double max_flat)
{
    char flat[HT_VALUE_MAX], cum[HT_VALUE_MAX], pct[HT_VALUE_MAX];
    const char *cum_text = ht_report_value(r, ht_flat(n), flat);
    fprintf(out, "N%zu [label=\"", id);
    ht_dot_node_name(out, &n->info);
    if (ht_flat(n))
        fprintf(out, "%s (%s)", flat, ht_report_percent_trimmed(ht_flat(n), r->total, pct));
    else
        fputc('0', out);
    if (ht_cum(n) != ht_flat(n)) {
        cum_text = ht_report_value(r, ht_cum(n), cum);
        fprintf(out, "%sof %s (%s)", ht_flat(n) ? "\\n" : " ", cum,
                ht_report_percent_trimmed(ht_cum(n), r->total, pct));
    }
    fprintf(out, "\" id=\"node%zu\" fontsize=%d shape=box tooltip=\"", id,
            font_size(ht_flat(n), max_flat));
    ht_dot_escape(out, ht_graph_node_name(&r->graph, n));
    fprintf(out, " (%s)\" color=\"", cum_text);
    print_color(out, score_of(r, ht_cum(n)), false);
    fprintf(out, "\" fillcolor=\"");
    print_color(out, score_of(r, ht_cum(n)), true);
    fprintf(out, "\"]\n");
}

/* Integer division as Go does it: |weight| * scale / |total|, at most max. */
static int share(const struct ht_report *r, int64_t weight, int scale)
{
    double v = fabs((double)weight * scale / (double)r->total);
    return v > scale ? scale : (int)v;
}

static void print_edge(FILE *out, struct ht_report *r, const struct ht_edge *e, const size_t *ids,
                       const bool *has_nodelets)
{
    char v[HT_VALUE_MAX];
    int64_t weight = ht_div_value(e->weight, e->weight_div);
    ht_report_value(r, weight, v);
    fprintf(out, "N%zu -> N%zu [label=\" %s%s\"", ids[e->src->index], ids[e->dest->index], v,
            e->is_inline ? "\\n (inline)" : "");
    if (r->total) {
        if (share(r, weight, 100) > 0)
            fprintf(out, " weight=%d", 1 + share(r, weight, 100));
        if (share(r, weight, 5) > 0)
            fprintf(out, " penwidth=%d", 1 + share(r, weight, 5));
        fprintf(out, " color=\"");
        print_color(out, score_of(r, weight), false);
        fputc('"', out);
    }
    for (int label = 0; label < 2; label++) {
        fprintf(out, label ? " labeltooltip=\"" : " tooltip=\"");
        ht_dot_escape(out, ht_graph_node_name(&r->graph, e->src));
        fprintf(out, " %s ", e->residual ? "..." : "->");
        ht_dot_escape(out, ht_graph_node_name(&r->graph, e->dest));
        fprintf(out, " (%s)\"", v);
    }
    fprintf(out, "%s%s]\n", e->residual ? " style=\"dotted\"" : "",
            has_nodelets[e->src->index] ? " minlen=2" : "");
}

static struct ht_edge **all_edges(struct ht_graph *g, size_t *n)
{
    size_t count = 0;
    for (size_t i = 0; i < g->n_nodes; i++)
        for (const struct ht_edge *e = g->nodes[i]->out; e; e = e->next_out)
            count += !e->dead;
    struct ht_edge **list = calloc(count + 1, sizeof(list[0]));
    *n = 0;
    for (size_t i = 0; list && i < g->n_nodes; i++)
        for (struct ht_edge *e = g->nodes[i]->out; e; e = e->next_out)
            if (!e->dead)
                list[(*n)++] = e;
    if (list)
        ht_edges_sort(g, list, *n);
    return list;
}

static int print_graph(FILE *out, struct ht_report *r)
{
    struct ht_graph *g = &r->graph;
    size_t *ids = calloc(g->n_all + 1, sizeof(ids[0])), n_edges = 0;
    bool *has_nodelets = calloc(g->n_all + 1, sizeof(has_nodelets[0]));
    struct ht_edge **edges = all_edges(g, &n_edges);
    double max_flat = 0;
    int err = ids && has_nodelets && edges ? 0 : -ENOMEM;
    for (size_t i = 0; i < g->n_nodes; i++)
        max_flat = fmax(max_flat, (double)ht_abs64(ht_flat(g->nodes[i])));
    for (size_t i = 0; !err && i < g->n_nodes; i++) {
        struct ht_graph_node *n = g->nodes[i];
        ids[n->index] = i + 1;
        print_node(out, r, n, i + 1, max_flat);
        has_nodelets[n->index] = ht_dot_nodelets(out, r, n, i + 1);
    }
    for (size_t i = 0; !err && i < n_edges; i++)
        print_edge(out, r, edges[i], ids, has_nodelets);
    free(edges);
    free(has_nodelets);
    free(ids);
    return err;
}

int ht_report_dot(FILE *out, struct ht_profile *p, const struct ht_report_options *o)
{
    struct ht_report r;
    struct ht_labels labels = {0};
    int err = ht_report_begin(&r, HT_REPORT_DOT, p, o);
    if (err)
        return err;
    if ((err = ht_report_trimmed_graph(&r)))
        goto out;
    if (o->json) {
        err = ht_json_graph(out, &r);
        goto out;
    }
    if (!(err = ht_labels_report(&labels, &r, r.dropped_edges, true))) {
        char *title = ht_report_title(p);
        print_legend(out, &r, &labels, title);
        err = print_graph(out, &r);
        fputs("}\n", out);
        free(title);
    }
out:
    ht_labels_finish(&labels);
    ht_report_finish(&r);
    return err;
}

/* SPDX-License-Identifier: MIT */
/* tree and peek: each site between its callers and its callees. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "report/context.h"
#include "report/intervals.h"
#include "report/json.h"

static const char separator[] =
    "----------------------------------------------------------+-------------";

static void print_edges(FILE *out, struct ht_report *r, struct ht_graph_node *n, bool in)
{
    size_t count;
    struct ht_edge **edges = ht_edges_sorted(&r->graph, n, in, &count);
    int width = 50 + (ht_intervals_shown(r) ? 2 * HT_INTERVAL_COLUMNS : 0);
    for (size_t i = 0; i < count; i++) {
        char v[HT_VALUE_MAX], pct[HT_VALUE_MAX];
        struct ht_graph_node *other = in ? edges[i]->src : edges[i]->dest;
        fprintf(out, "%*s %s |   ", width, ht_report_value(r, edges[i]->weight, v),
                ht_report_percent(edges[i]->weight, ht_cum(n), pct));
        ht_report_name(r, out, ht_graph_node_name(&r->graph, other), other->object);
        fprintf(out, "%s\n", edges[i]->is_inline ? " (inline)" : "");
    }
    free(edges);
}

static void print_node(FILE *out, struct ht_report *r, struct ht_graph_node *n, int64_t sum)
{
    char flat[HT_VALUE_MAX], flat_pct[HT_VALUE_MAX], sum_pct[HT_VALUE_MAX];
    char cum[HT_VALUE_MAX], cum_pct[HT_VALUE_MAX];
    char flat_in[HT_VALUE_MAX], cum_in[HT_VALUE_MAX];
    fprintf(
        out, "%10s%s %s %s %10s%s %s                | ", ht_report_value(r, ht_flat(n), flat),
        ht_intervals_column(r, n, true, flat_in), ht_report_percent(ht_flat(n), r->total, flat_pct),
        ht_report_percent(sum, r->total, sum_pct), ht_report_value(r, ht_cum(n), cum),
        ht_intervals_column(r, n, false, cum_in), ht_report_percent(ht_cum(n), r->total, cum_pct));
    ht_report_name(r, out, ht_graph_node_name(&r->graph, n), n->object);
    fputc('\n', out);
}

static bool is_wanted(struct ht_report *r, struct ht_graph_node *n)
{
    return !r->symbol || ht_regex_match(r->symbol, ht_graph_node_name(&r->graph, n));
}

static int check_matches(struct ht_report *r)
{
    for (size_t i = 0; i < r->graph.n_nodes; i++)
        if (is_wanted(r, r->graph.nodes[i]))
            return 0;
    return r->symbol ? ht_report_fail(r, -ENOENT, "no matches found for regexp: %s", r->o.symbol)
                     : 0;
}

static int print_tree(FILE *out, struct ht_report *r)
{
    struct ht_graph *g = &r->graph;
    int64_t sum = 0;
    char column[HT_VALUE_MAX];
    ht_intervals_title(r, column);
    fprintf(
        out,
        "%s\n      flat%s  flat%%   sum%%        cum%s   cum%%   calls calls%% + context \t \t \n",
        separator, column, column);
    for (size_t i = 0; i < g->n_nodes; i++) {
        struct ht_graph_node *n = g->nodes[i];
        if (!is_wanted(r, n))
            continue;
        fprintf(out, "%s\n", separator);
        print_edges(out, r, n, true);
        sum = (int64_t)((uint64_t)sum + (uint64_t)ht_flat(n));
        print_node(out, r, n, sum);
        print_edges(out, r, n, false);
    }
    if (g->n_nodes)
        fprintf(out, "%s\n", separator);
    return g->err;
}

static int report_tree(FILE *out, struct ht_profile *p, const struct ht_report_options *o,
                       enum ht_report_kind kind)
{
    struct ht_report r;
    struct ht_labels labels = {0};
    int err = ht_report_begin(&r, kind, p, o);
    if (err)
        return err;
    if ((err = ht_report_trimmed_graph(&r)) || (err = check_matches(&r))) {
        ht_report_finish(&r);
        return err;
    }
    if (o->json) {
        err = ht_json_rows(out, &r, kind == HT_REPORT_PEEK ? "peek" : "tree", true);
    } else if (!(err = ht_labels_report(&labels, &r, 0, false))) {
        ht_labels_print(&labels, out);
        err = print_tree(out, &r);
    }
    ht_labels_finish(&labels);
    ht_report_finish(&r);
    return err;
}

int ht_report_tree(FILE *out, struct ht_profile *p, const struct ht_report_options *o)
{
    return report_tree(out, p, o, HT_REPORT_TREE);
}

int ht_report_peek(FILE *out, struct ht_profile *p, const struct ht_report_options *o)
{
    return report_tree(out, p, o, HT_REPORT_PEEK);
}

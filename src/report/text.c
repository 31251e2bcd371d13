/* SPDX-License-Identifier: MIT */
/* top: the sites in a flat list. */
#include "config.h"

#include <errno.h>

#include "report/context.h"
#include "report/intervals.h"
#include "report/json.h"

static const char *const inline_marks[] = {
    [HT_NEVER_INLINED] = "",
    [HT_INLINED_SOMEWHERE] = " (partial-inline)",
    [HT_INLINED_EVERYWHERE] = " (inline)",
};

static void print_rows(FILE *out, struct ht_report *r)
{
    struct ht_graph *g = &r->graph;
    int64_t sum = 0;
    char column[HT_VALUE_MAX];
    ht_intervals_title(r, column);
    fprintf(out, "%10s%s %5s%% %5s%% %10s%s %5s%%\n", "flat", column, "flat", "sum", "cum", column,
            "cum");
    for (size_t i = 0; i < g->n_nodes; i++) {
        struct ht_graph_node *n = g->nodes[i];
        char flat[HT_VALUE_MAX], flat_pct[HT_VALUE_MAX], sum_pct[HT_VALUE_MAX];
        char cum[HT_VALUE_MAX], cum_pct[HT_VALUE_MAX];
        char flat_in[HT_VALUE_MAX], cum_in[HT_VALUE_MAX];
        sum = (int64_t)((uint64_t)sum + (uint64_t)ht_flat(n));
        fprintf(out, "%10s%s %s %s %10s%s %s  ", ht_report_value(r, ht_flat(n), flat),
                ht_intervals_column(r, n, true, flat_in),
                ht_report_percent(ht_flat(n), r->total, flat_pct),
                ht_report_percent(sum, r->total, sum_pct), ht_report_value(r, ht_cum(n), cum),
                ht_intervals_column(r, n, false, cum_in),
                ht_report_percent(ht_cum(n), r->total, cum_pct));
        ht_report_name(r, out, ht_graph_node_name(g, n), n->object);
        fprintf(out, "%s\n", inline_marks[ht_graph_node_inlining(n)]);
    }
}

int ht_report_top(FILE *out, struct ht_profile *p, const struct ht_report_options *o)
{
    struct ht_report r;
    struct ht_labels labels = {0};
    int err = ht_report_begin(&r, HT_REPORT_TOP, p, o);
    if (err)
        return err;
    if ((err = ht_report_trimmed_graph(&r))) {
        ht_report_finish(&r);
        return err;
    }
    if (o->json) {
        err = ht_json_rows(out, &r, "top", false);
    } else if (!(err = ht_labels_report(&labels, &r, 0, false))) {
        ht_labels_print(&labels, out);
        print_rows(out, &r);
    }
    ht_labels_finish(&labels);
    ht_report_finish(&r);
    return err;
}

/* SPDX-License-Identifier: MIT */
/* list: the source of matching functions, each line with its flat and cum. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/context.h"
#include "report/intervals.h"
#include "report/json.h"
#include "report/source.h"

/* Lines shown before the first and behind the last that has weight. */
#define MARGIN 5

static const char *value_or_dot(const struct ht_report *r, int64_t v, char buf[HT_VALUE_MAX])
{
    return v ? ht_report_value(r, v, buf) : ".";
}

struct range {
    int64_t start, end;
};

static struct range lines_of(struct ht_graph_node *const *nodes, size_t n)
{
    const struct ht_graph_node_info *first = &nodes[0]->info;
    struct range range = {first->start_line ? first->start_line : first->line - MARGIN,
                          first->line + MARGIN};
    for (size_t i = 0; i < n; i++) {
        const struct ht_graph_node_info *info = &nodes[i]->info;
        int64_t start = info->start_line ? info->start_line : info->line - MARGIN;
        if (start < range.start)
            range.start = start;
        else if (info->line + MARGIN > range.end)
            range.end = info->line + MARGIN;
    }
    if (range.start < 1)
        range.start = 1;
    return range;
}

struct sums {
    int64_t flat, cum;
    struct ht_evidence evidence[2]; /* of flat and of cum */
};

static void add_node(struct sums *s, const struct ht_graph_node *n)
{
    s->flat = (int64_t)((uint64_t)s->flat + (uint64_t)n->flat);
    s->cum = (int64_t)((uint64_t)s->cum + (uint64_t)n->cum);
    for (int i = 0; n->evidence && i < 2; i++)
        ht_evidence_sum(&s->evidence[i], &n->evidence[i]);
}

static int by_line(const void *a, const void *b)
{
    const struct ht_graph_node *const *na = a, *const *nb = b;
    return ((*na)->info.line > (*nb)->info.line) - ((*na)->info.line < (*nb)->info.line);
}

struct listing {
    FILE *out;
    json_t *json; /* the functions so far; NULL when text is wanted */
    json_t *lines;
};

static const char *column(const struct ht_report *r, const struct ht_evidence *e,
                          char buf[HT_VALUE_MAX])
{
    buf[0] = '\0';
    return ht_intervals_shown(r) ? ht_intervals_text(r, e, buf) : buf;
}

static void add_intervals(const struct ht_report *r, const struct sums *s, json_t *j)
{
    ht_intervals_json(r, &s->evidence[0], "flat", j);
    ht_intervals_json(r, &s->evidence[1], "cum", j);
}

static void print_line(struct listing *l, struct ht_report *r, struct sums s, int64_t line,
                       const char *text)
{
    if (l->json) {
        json_t *j = json_object();
        json_object_set_new(j, "line", json_integer(line));
        json_object_set_new(j, "flat", json_integer(s.flat));
        json_object_set_new(j, "cum", json_integer(s.cum));
        add_intervals(r, &s, j);
        if (text)
            json_object_set_new(j, "source", ht_json_text(text));
        json_array_append_new(l->lines, j);
        return;
    }
    char flat[HT_VALUE_MAX], cum[HT_VALUE_MAX], in[2][HT_VALUE_MAX];
    fprintf(l->out, "%10s%s %10s%s %6lld:%s\n", value_or_dot(r, s.flat, flat),
            column(r, &s.evidence[0], in[0]), value_or_dot(r, s.cum, cum),
            column(r, &s.evidence[1], in[1]), (long long)line, text ? text : "");
}

static void print_heading(struct listing *l, struct ht_report *r, const struct ht_graph_node *n,
                          struct sums sum)
{
    char flat[HT_VALUE_MAX], cum[HT_VALUE_MAX], pct[HT_VALUE_MAX], in[2][HT_VALUE_MAX];
    if (l->json) {
        json_t *j = json_object();
        l->lines = json_array();
        json_object_set_new(j, "function", ht_json_text(n->info.name));
        json_object_set_new(j, "file", ht_json_text(n->info.file));
        json_object_set_new(j, "flat", json_integer(sum.flat));
        json_object_set_new(j, "cum", json_integer(sum.cum));
        add_intervals(r, &sum, j);
        json_object_set_new(j, "lines", l->lines);
        json_array_append_new(l->json, j);
        return;
    }
    fprintf(l->out, "ROUTINE ======================== %s in %s\n", n->info.name, n->info.file);
    fprintf(l->out, "%10s%s %10s%s (flat, cum) %s of Total\n", ht_report_value(r, sum.flat, flat),
            column(r, &sum.evidence[0], in[0]), ht_report_value(r, sum.cum, cum),
            column(r, &sum.evidence[1], in[1]), ht_report_percent(sum.cum, r->total, pct));
}

static void print_error(struct listing *l, const char *msg)
{
    if (l->json)
        json_object_set_new(json_array_get(l->json, json_array_size(l->json) - 1), "error",
                            ht_json_text(msg));
    else
        fprintf(l->out, " Error: %s\n", msg);
}

/* The nodes of one function in one file; sorts them by line. */
static void print_file(struct listing *l, struct ht_report *r, struct ht_graph_node **nodes,
                       size_t n)
{
    char msg[512];
    struct ht_source source;
    struct sums sum = {0};
    for (size_t i = 0; i < n; i++)
        add_node(&sum, nodes[i]);
    print_heading(l, r, nodes[0], sum);
    struct range range = lines_of(nodes, n);
    qsort(nodes, n, sizeof(nodes[0]), by_line);
    /* A profile may say that a function begins after its lines: then no source is shown. */
    bool sane = range.start <= range.end;
    bool have = sane && ht_source_open(&source, nodes[0]->info.file, r->o.source_path,
                                       r->o.trim_path, msg, sizeof(msg)) == 0;
    if (sane && !have)
        print_error(l, msg);
    size_t at = 0;
    for (int64_t line = range.start; have && line <= range.end; line++) {
        const char *text = ht_source_line(&source, line);
        struct sums s = {0};
        if (!text)
            break;
        while (at < n && nodes[at]->info.line < line)
            at++;
        for (size_t i = at; i < n && nodes[i]->info.line == line; i++)
            add_node(&s, nodes[i]);
        print_line(l, r, s, line, text);
    }
    for (size_t i = 0; sane && !have && i < n;) {
        struct sums s = {0};
        int64_t line = nodes[i]->info.line;
        while (i < n && nodes[i]->info.line == line)
            add_node(&s, nodes[i++]);
        print_line(l, r, s, line, NULL);
    }
    if (have)
        ht_source_close(&source);
}

static int by_file(const void *a, const void *b)
{
    const struct ht_graph_node *const *na = a, *const *nb = b;
    return strcmp((*na)->info.file, (*nb)->info.file);
}

/* All nodes of one function: a part for each file. */
static void print_function(struct listing *l, struct ht_report *r, struct ht_graph_node **nodes,
                           size_t n)
{
    size_t i = 0;
    qsort(nodes, n, sizeof(nodes[0]), by_file);
    while (i < n && !*nodes[i]->info.file)
        i++;
    if (i == n && !l->json)
        fprintf(l->out, "No source information for %s\n", nodes[0]->info.name);
    while (i < n) {
        size_t end = i;
        while (end < n && nodes[end]->info.file == nodes[i]->info.file)
            end++;
        print_file(l, r, nodes + i, end - i);
        i = end;
    }
}

static int print_list(FILE *out, struct ht_report *r)
{
    struct ht_graph *g = &r->graph;
    struct ht_graph_node **nodes = calloc(g->n_nodes + 1, sizeof(nodes[0]));
    char total[HT_VALUE_MAX];
    size_t n = 0;
    if (!nodes)
        return ht_report_fail(r, -ENOMEM, "out of memory");
    for (size_t i = 0; i < g->n_nodes; i++)
        if (ht_regex_match(r->symbol, g->nodes[i]->info.name))
            nodes[n++] = g->nodes[i];
    ht_graph_nodes_sort(g, nodes, n, HT_ORDER_NAME);
    struct listing l = {.out = out, .json = r->o.json ? json_array() : NULL};
    char heading[256];
    if (n && !l.json && *ht_intervals_heading(r, heading, sizeof(heading)))
        fprintf(out, "%s\n", heading);
    if (n && !l.json)
        fprintf(out, "Total: %s\n", ht_report_value(r, r->total, total));
    for (size_t i = 0; i < n;) {
        size_t end = i;
        while (end < n && nodes[end]->info.name == nodes[i]->info.name)
            end++;
        print_function(&l, r, nodes + i, end - i);
        i = end;
    }
    free(nodes);
    if (n && l.json) {
        json_t *root = ht_json_header(r, "list");
        json_object_set_new(root, "functions", l.json);
        return ht_json_write(out, root);
    }
    json_decref(l.json);
    return n ? 0 : ht_report_fail(r, -ENOENT, "no matches found for regexp: %s", r->o.symbol);
}

int ht_report_list(FILE *out, struct ht_profile *p, const struct ht_report_options *o)
{
    struct ht_report r;
    int err = ht_report_begin(&r, HT_REPORT_LIST, p, o);
    if (err)
        return err;
    if (!(err = ht_report_whole_graph(&r)))
        err = print_list(out, &r);
    ht_report_finish(&r);
    return err;
}

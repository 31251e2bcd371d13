/* SPDX-License-Identifier: MIT */
/* Reports as JSON; docs/json.md has the fields. */
#include "config.h"

#include "report/json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/intervals.h"
#include "util/utf8.h"

json_t *ht_json_text(const char *s)
{
    size_t bad;
    if (ht_utf8_valid(s, strlen(s), &bad))
        return json_string(s);
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return NULL;
    while (!ht_utf8_valid(s, strlen(s), &bad)) {
        fwrite(s, 1, bad, f);
        fputs("\xef\xbf\xbd", f);
        s += bad + 1;
    }
    fputs(s, f);
    fclose(f);
    json_t *j = json_string(text);
    free(text);
    return j;
}

static void set_text(json_t *o, const char *key, const char *s)
{
    if (s && *s)
        json_object_set_new(o, key, ht_json_text(s));
}

static json_t *percent(int64_t v, int64_t total)
{
    double p = total ? (double)v / (double)total * 100 : 0;
    return json_real(round(p * 10000) / 10000);
}

static json_t *filters(const struct ht_report_options *o)
{
    json_t *f = json_object();
    set_text(f, "focus", o->focus);
    set_text(f, "ignore", o->ignore);
    set_text(f, "hide", o->hide);
    set_text(f, "show", o->show);
    set_text(f, "show_from", o->show_from);
    set_text(f, "prune_from", o->prune_from);
    set_text(f, "tagfocus", o->tagfocus);
    set_text(f, "tagignore", o->tagignore);
    set_text(f, "tagshow", o->tagshow);
    set_text(f, "taghide", o->taghide);
    set_text(f, "tagroot", o->tagroot);
    set_text(f, "tagleaf", o->tagleaf);
    set_text(f, "by", o->by);
    return f;
}

json_t *ht_json_header(struct ht_report *r, const char *report)
{
    const struct ht_profile *p = r->p;
    json_t *root = json_object(), *comments = json_array();
    char *title = ht_report_title(p);
    set_text(root, "report", report);
    set_text(root, "file", title);
    free(title);
    if (p->n_mappings)
        set_text(root, "build_id", p->mappings[0]->build_id);
    for (size_t i = 0; i < p->n_comments; i++)
        json_array_append_new(comments, ht_json_text(p->comments[i]));
    json_object_set_new(root, "comments", comments);
    set_text(root, "sample_type", r->sample_type);
    set_text(root, "unit", r->sample_unit);
    if (p->time_nanos)
        json_object_set_new(root, "time_nanos", json_integer(p->time_nanos));
    if (p->duration_nanos)
        json_object_set_new(root, "duration_nanos", json_integer(p->duration_nanos));
    json_object_set_new(root, "total", json_integer(r->total));
    json_object_set_new(root, "filters", filters(&r->o));
    if (r->intervals.on && r->intervals.sampling.rate > 1) {
        double least = ht_evidence_unlisted(r->intervals.sampling.rate, r->intervals.confidence);
        json_object_set_new(root, "confidence", json_real(r->intervals.confidence));
        json_object_set_new(root, "samples", json_integer(llround(ht_intervals_samples(r))));
        json_object_set_new(root, "unlisted_below", json_integer(llround(least)));
    } else if (*r->intervals.why) {
        set_text(root, "no_intervals", r->intervals.why);
    }
    if (r->symbol)
        set_text(root, "match", r->o.symbol);
    return root;
}

json_t *ht_json_labels(const struct ht_sample *s)
{
    json_t *labels = json_array();
    for (size_t i = 0; i < s->n_labels; i++) {
        const struct ht_label *l = &s->labels[i];
        json_t *o = json_object();
        json_object_set_new(o, "key", ht_json_text(l->key));
        if (l->str) {
            json_object_set_new(o, "value", ht_json_text(l->str));
        } else {
            json_object_set_new(o, "value", json_integer(l->num));
            json_object_set_new(o, "unit", ht_json_text(l->num_unit));
        }
        json_array_append_new(labels, o);
    }
    return labels;
}

static void set_shown(json_t *root, const struct ht_report *r)
{
    int64_t flat = 0;
    for (size_t i = 0; i < r->graph.n_nodes; i++)
        flat = (int64_t)((uint64_t)flat + (uint64_t)ht_flat(r->graph.nodes[i]));
    json_object_set_new(root, "shown", json_integer(flat));
    json_object_set_new(root, "dropped_nodes", json_integer((json_int_t)r->dropped_nodes));
    json_object_set_new(root, "dropped_edges", json_integer((json_int_t)r->dropped_edges));
    json_object_set_new(root, "nodes_before_nodecount", json_integer((json_int_t)r->n_before_top));
}

json_t *ht_json_site(struct ht_report *r, struct ht_graph_node *n)
{
    json_t *o = json_object();
    set_text(o, "name", ht_graph_node_name(&r->graph, n));
    set_text(o, "function", n->info.name);
    set_text(o, "file", n->info.file);
    if (n->info.line)
        json_object_set_new(o, "line", json_integer(n->info.line));
    if (n->info.address) {
        char address[32];
        snprintf(address, sizeof(address), "0x%" PRIx64, n->info.address);
        set_text(o, "address", address);
    }
    set_text(o, "object", n->info.objfile);
    return o;
}

json_t *ht_json_node(struct ht_report *r, struct ht_graph_node *n)
{
    json_t *o = ht_json_site(r, n);
    json_object_set_new(o, "flat", json_integer(ht_flat(n)));
    json_object_set_new(o, "flat_percent", percent(ht_flat(n), r->total));
    json_object_set_new(o, "cum", json_integer(ht_cum(n)));
    json_object_set_new(o, "cum_percent", percent(ht_cum(n), r->total));
    if (n->evidence) {
        ht_intervals_json(r, &n->evidence[0], "flat", o);
        ht_intervals_json(r, &n->evidence[1], "cum", o);
        json_object_set_new(o, "samples", json_integer(llround(n->evidence[1].samples)));
    }
    return o;
}

static json_t *edges_of(struct ht_report *r, struct ht_graph_node *n, bool in)
{
    size_t count;
    struct ht_edge **edges = ht_edges_sorted(&r->graph, n, in, &count);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *e = json_object();
        set_text(e, "name", ht_graph_node_name(&r->graph, in ? edges[i]->src : edges[i]->dest));
        json_object_set_new(e, "weight", json_integer(edges[i]->weight));
        json_object_set_new(e, "inline", json_boolean(edges[i]->is_inline));
        json_object_set_new(e, "residual", json_boolean(edges[i]->residual));
        json_array_append_new(list, e);
    }
    free(edges);
    return list;
}

int ht_json_write(FILE *out, json_t *root)
{
    int err = root ? 0 : -ENOMEM;
    if (root && json_dumpf(root, out, JSON_INDENT(1) | JSON_REAL_PRECISION(9)))
        err = ferror(out) && errno ? -errno : -EIO;
    fputc('\n', out);
    json_decref(root);
    return err;
}

static const char *inlining(const struct ht_graph_node *n)
{
    switch (ht_graph_node_inlining(n)) {
    case HT_INLINED_EVERYWHERE:
        return "always";
    case HT_INLINED_SOMEWHERE:
        return "partly";
    default:
        return "never";
    }
}

int ht_json_rows(FILE *out, struct ht_report *r, const char *report, bool with_edges)
{
    struct ht_graph *g = &r->graph;
    json_t *root = ht_json_header(r, report), *rows = json_array();
    set_shown(root, r);
    for (size_t i = 0; i < g->n_nodes; i++) {
        if (r->symbol && !ht_regex_match(r->symbol, ht_graph_node_name(g, g->nodes[i])))
            continue;
        json_t *row = ht_json_node(r, g->nodes[i]);
        set_text(row, "inline", inlining(g->nodes[i]));
        if (with_edges) {
            json_object_set_new(row, "callers", edges_of(r, g->nodes[i], true));
            json_object_set_new(row, "callees", edges_of(r, g->nodes[i], false));
        }
        json_array_append_new(rows, row);
    }
    json_object_set_new(root, "rows", rows);
    return ht_json_write(out, root);
}

int ht_json_graph(FILE *out, struct ht_report *r)
{
    struct ht_graph *g = &r->graph;
    json_t *root = ht_json_header(r, "graph"), *nodes = json_array(), *edges = json_array();
    size_t *ids = calloc(g->n_all + 1, sizeof(ids[0]));
    set_shown(root, r);
    for (size_t i = 0; ids && i < g->n_nodes; i++) {
        json_t *n = ht_json_node(r, g->nodes[i]);
        ids[g->nodes[i]->index] = i;
        json_object_set_new(n, "id", json_integer((json_int_t)i));
        json_array_append_new(nodes, n);
    }
    for (size_t i = 0; ids && i < g->n_nodes; i++) {
        size_t count;
        struct ht_edge **out_edges = ht_edges_sorted(g, g->nodes[i], false, &count);
        for (size_t k = 0; k < count; k++) {
            json_t *e = json_object();
            json_object_set_new(e, "from", json_integer((json_int_t)i));
            json_object_set_new(e, "to", json_integer((json_int_t)ids[out_edges[k]->dest->index]));
            json_object_set_new(e, "weight", json_integer(out_edges[k]->weight));
            json_object_set_new(e, "inline", json_boolean(out_edges[k]->is_inline));
            json_object_set_new(e, "residual", json_boolean(out_edges[k]->residual));
            json_array_append_new(edges, e);
        }
        free(out_edges);
    }
    json_object_set_new(root, "nodes", nodes);
    json_object_set_new(root, "edges", edges);
    free(ids);
    return ht_json_write(out, root);
}

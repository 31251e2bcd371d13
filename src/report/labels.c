/* SPDX-License-Identifier: MIT */
/* The lines that head a report. */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "profile/units.h"
#include "report/context.h"
#include "report/intervals.h"
#include "report/paths.h"

static int add(struct ht_labels *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int add(struct ht_labels *l, const char *format, ...)
{
    char *text, **lines = realloc(l->line, (l->n + 1) * sizeof(l->line[0]));
    if (!lines)
        return -ENOMEM;
    l->line = lines;
    va_list ap;
    va_start(ap, format);
    int n = vasprintf(&text, format, ap);
    va_end(ap);
    if (n < 0)
        return -ENOMEM;
    l->line[l->n++] = text;
    return 0;
}

void ht_labels_finish(struct ht_labels *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->line[i]);
    free(l->line);
    *l = (struct ht_labels){0};
}

void ht_labels_print(const struct ht_labels *l, FILE *out)
{
    for (size_t i = 0; i < l->n; i++)
        fprintf(out, "%s\n", l->line[i]);
}

char *ht_report_title(const struct ht_profile *p)
{
    return p->n_mappings && *p->mappings[0]->file ? ht_path_base(p->mappings[0]->file) : NULL;
}

bool ht_report_time(int64_t nanos, bool seconds, char *text, size_t size)
{
    time_t t = (time_t)(nanos / 1000000000 - (nanos % 1000000000 < 0));
    struct tm tm;
    return localtime_r(&t, &tm) &&
           strftime(text, size,
                    seconds ? "%b %-d, %Y at %-I:%M:%S%P (%Z)" : "%b %-d, %Y at %-I:%M%P (%Z)",
                    &tm);
}

static int add_time(struct ht_labels *l, int64_t nanos)
{
    char text[128];
    return ht_report_time(nanos, false, text, sizeof(text)) ? add(l, "Time: %s", text) : 0;
}

static int add_duration(struct ht_labels *l, const struct ht_report *r)
{
    char d[HT_VALUE_MAX], v[HT_VALUE_MAX], pct[HT_VALUE_MAX], ratio[HT_VALUE_MAX + 2] = "";
    const char *unit;
    double nanos = ht_unit_scale(r->total, r->sample_unit, "nanoseconds", &unit);
    if (!strcmp(unit, "ns") && nanos != 0)
        snprintf(ratio, sizeof(ratio), "(%s)",
                 ht_report_percent((int64_t)nanos, r->p->duration_nanos, pct));
    return add(l, "Duration: %s, Total samples = %s %s",
               ht_unit_label(r->p->duration_nanos, "nanoseconds", "auto", d, sizeof(d)),
               ht_report_value(r, r->total, v), ratio);
}

/* A comment that says nothing of what is missing: its counts are zero, or it is no count. */
static bool is_usual(const char *comment)
{
    const char *colon = strstr(comment, ": ");
    return !colon || !strncmp(comment, "pid: ", 5) || !strncmp(comment, "samples: ", 9) ||
           !strncmp(colon, ": 0 ", 4);
}

/* "redis-server (pid 4711), inuse_space, Nov 28, 2026 at 6:14am (UTC)", and what is missing. */
static int add_one_line(struct ht_labels *l, const struct ht_report *r)
{
    const struct ht_profile *p = r->p;
    char *text = NULL, *title = ht_report_title(p), when[128];
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) {
        free(title);
        return -ENOMEM;
    }
    fputs(title ? title : "a profile", f);
    for (size_t i = 0; i < p->n_comments; i++)
        if (!strncmp(p->comments[i], "pid: ", 5))
            fprintf(f, " (pid %s)", p->comments[i] + 5);
    fprintf(f, ", %s", r->sample_type);
    if (p->time_nanos && ht_report_time(p->time_nanos, false, when, sizeof(when)))
        fprintf(f, ", %s", when);
    for (size_t i = 0; i < p->n_comments; i++)
        if (p->comments[i][0] != '#' && !is_usual(p->comments[i]))
            fprintf(f, ", %s", p->comments[i]);
    free(title);
    int err = fclose(f) ? -ENOMEM : add(l, "%s", text);
    free(text);
    return err;
}

int ht_labels_profile(struct ht_labels *l, const struct ht_report *r)
{
    const struct ht_profile *p = r->p;
    int err = 0;
    if (r->o.one_line)
        return add_one_line(l, r);
    char *title = ht_report_title(p);
    if (title)
        err = add(l, "File: %s", title);
    free(title);
    if (!err && p->n_mappings && *p->mappings[0]->build_id)
        err = add(l, "Build ID: %s", p->mappings[0]->build_id);
    for (size_t i = 0; !err && i < p->n_comments; i++)
        if (p->comments[i][0] != '#')
            err = add(l, "%s", p->comments[i]);
    if (!err && *r->sample_type)
        err = add(l, "Type: %s", r->sample_type);
    if (!err && p->time_nanos)
        err = add_time(l, p->time_nanos);
    if (!err && p->duration_nanos)
        err = add_duration(l, r);
    return err;
}

/* pprof cuts a long expression at 80 bytes. */
static int add_filters(struct ht_labels *l, const struct ht_report_options *o)
{
    const struct {
        const char *name, *value;
    } filters[] = {
        {"focus", o->focus},         {"ignore", o->ignore},       {"hide", o->hide},
        {"show", o->show},           {"show_from", o->show_from}, {"tagfocus", o->tagfocus},
        {"tagignore", o->tagignore}, {"tagshow", o->tagshow},     {"taghide", o->taghide},
    };
    bool any = false;
    int err = 0;
    for (size_t i = 0; !err && i < sizeof(filters) / sizeof(filters[0]); i++) {
        if (!filters[i].value || !*filters[i].value)
            continue;
        if (!any)
            err = add(l, "Active filters:");
        any = true;
        char *text;
        if (err || asprintf(&text, "%s=%s", filters[i].name, filters[i].value) < 0)
            return -ENOMEM;
        err = strlen(text) > 80 ? add(l, "   %.80s\xe2\x80\xa6", text) : add(l, "   %s", text);
        free(text);
    }
    return err;
}

static int add_dropped(struct ht_labels *l, const struct ht_report *r, size_t n, const char *what,
                       const char *weight, double fraction)
{
    char v[HT_VALUE_MAX];
    if (!n)
        return 0;
    int64_t cut = ht_abs64((int64_t)((double)r->total * fraction));
    return add(l, "Dropped %zu %s%s (%s <= %s)", n, what, n > 1 ? "s" : "", weight,
               ht_report_value(r, cut, v));
}

/* Continues the line about the profile by how much is shown: "...: 950kB of 974kB (97.58%), 12 of
 * 29 nodes". */
static int add_shown(struct ht_labels *l, const struct ht_report *r, int64_t flat)
{
    char sum[HT_VALUE_MAX], pct[HT_VALUE_MAX], total[HT_VALUE_MAX], *head;
    int err = r->o.compact_labels ? add(l, "%s", "") : add_one_line(l, r);
    if (err)
        return err;
    head = l->line[--l->n];
    err = add(l, "%s%s%s of %s (%s), %zu of %zu nodes", head, *head ? ": " : "",
              ht_report_value(r, flat, sum), ht_report_value(r, r->total, total),
              ht_report_percent_trimmed(flat, r->total, pct), r->graph.n_nodes,
              r->n_before_top + r->dropped_nodes);
    free(head);
    return err;
}

int ht_labels_report(struct ht_labels *l, const struct ht_report *r, size_t dropped_edges,
                     bool full)
{
    const struct ht_graph *g = &r->graph;
    char sum[HT_VALUE_MAX], pct[HT_VALUE_MAX], total[HT_VALUE_MAX], text[256];
    int64_t flat = 0;
    const bool one_line = r->o.one_line && !full;
    int err = !one_line && (full || !r->o.compact_labels) ? ht_labels_profile(l, r) : 0;
    for (size_t i = 0; i < g->n_nodes; i++)
        flat = (int64_t)((uint64_t)flat + (uint64_t)ht_flat(g->nodes[i]));
    if (one_line)
        err = add_shown(l, r, flat);
    if (!err)
        err = add_filters(l, &r->o);
    if (!err && !one_line)
        err = add(l, "Showing nodes accounting for %s, %s of %s total",
                  ht_report_value(r, flat, sum), ht_report_percent_trimmed(flat, r->total, pct),
                  ht_report_value(r, r->total, total));
    if (!err && r->total && !one_line) {
        err = add_dropped(l, r, r->dropped_nodes, "node", "cum", r->o.nodefraction);
        if (!err)
            err = add_dropped(l, r, dropped_edges, "edge", "freq", r->o.edgefraction);
        if (!err && g->n_nodes && g->n_nodes < r->n_before_top)
            err = add(l, "Showing top %zu nodes out of %zu", g->n_nodes, r->n_before_top);
    }
    if (!err && *ht_intervals_heading(r, text, sizeof(text)))
        err = add(l, "%s", text);
    if (!err && full)
        err = add(l, "\nSee https://git.io/JfYMW for how to read the graph");
    return err;
}

int ht_report_heading(FILE *out, struct ht_profile *p, const struct ht_report_options *o)
{
    struct ht_report r;
    struct ht_labels l = {0};
    int err = ht_report_begin(&r, HT_REPORT_TOP, p, o);
    if (err)
        return err;
    if (!(err = ht_labels_profile(&l, &r)))
        ht_labels_print(&l, out);
    ht_labels_finish(&l);
    ht_report_finish(&r);
    return err;
}

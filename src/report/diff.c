/* SPDX-License-Identifier: MIT */
/* diff: what changed from one side to the other, the significant changes first. */
#include "config.h"

#include "report/diff.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/intervals.h"
#include "report/json.h"

/* How many frames of the stack that contributes most are printed below a site. */
#define FRAMES 4

static const char *const words[] = {[HT_GREW] = "grew",
                                    [HT_SHRANK] = "shrank",
                                    [HT_MAYBE] = "may have changed",
                                    [HT_SAME] = "same"};

static int64_t whole(double v)
{
    return v >= -0x1p62 && v <= 0x1p62 ? (int64_t)llround(v)
           : v < 0                     ? INT64_MIN / 2
                                       : INT64_MAX / 2;
}

static const char *signed_value(const struct ht_report *r, double v, char buf[HT_VALUE_MAX])
{
    char text[HT_VALUE_MAX];
    ht_report_value(r, whole(v), text);
    snprintf(buf, HT_VALUE_MAX, "%s%.90s", v > 0 ? "+" : "", text);
    return buf;
}

/* "(+1.2MB..+8.0MB)" */
static const char *range(const struct ht_report *r, const struct ht_interval *in,
                         char buf[HT_VALUE_MAX])
{
    char low[HT_VALUE_MAX], high[HT_VALUE_MAX];
    signed_value(r, in->low, low);
    signed_value(r, in->high, high);
    snprintf(buf, HT_VALUE_MAX, "(%.30s..%.30s)", low, high);
    return buf;
}

static double difference(const struct ht_diff_site *s)
{
    return s->after - s->before;
}

static void print_stack(FILE *out, struct ht_report *r, const struct ht_diff_stack *s)
{
    size_t printed = 0;
    fprintf(out, "%46s", "");
    for (size_t i = 0; i < s->sample->n_locations && printed < FRAMES; i++) {
        const struct ht_location *l = s->sample->locations[i];
        struct ht_graph_node **frames = &r->graph.frames[r->graph.first_frame[l->id - 1]];
        for (size_t k = 0; k < (l->n_lines ? l->n_lines : 1) && printed < FRAMES; k++, printed++)
            fprintf(out, "%s%s", printed ? " < " : "", ht_graph_node_name(&r->graph, frames[k]));
    }
    fputc('\n', out);
}

static void print_site(FILE *out, struct ht_report *r, const struct ht_diff_site *s)
{
    char change[HT_VALUE_MAX], in[HT_VALUE_MAX], before[HT_VALUE_MAX], after[HT_VALUE_MAX];
    fprintf(out, "%10s %-22s %10s %10s  %s\n", signed_value(r, difference(s), change),
            range(r, &s->change.interval, in), ht_report_value(r, whole(s->before), before),
            ht_report_value(r, whole(s->after), after), ht_graph_node_name(&r->graph, s->node));
    if (s->first->sample->n_locations > 1 || s->n_stacks > 1)
        print_stack(out, r, s->first);
}

static bool listed(const struct ht_diff *d, enum ht_verdict v)
{
    return v == HT_GREW || v == HT_SHRANK || (v == HT_MAYBE && d->r->o.all);
}

static void print_sum(FILE *out, const struct ht_diff *d, enum ht_verdict v)
{
    char change[HT_VALUE_MAX];
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < d->n_sites; i++)
        if (d->sites[i].change.verdict == v) {
            sum += difference(&d->sites[i]);
            n++;
        }
    if (n)
        fprintf(out, "%zu site%s may have changed: %s in all (--all lists them)\n", n,
                n == 1 ? "" : "s", signed_value(d->r, sum, change));
}

static void print_heading(FILE *out, const struct ht_diff *d)
{
    const struct ht_compared *c = d->c;
    struct ht_labels labels = {0};
    char text[256];
    if (!ht_labels_profile(&labels, d->r))
        ht_labels_print(&labels, out);
    ht_labels_finish(&labels);
    ht_intervals_heading(d->r, text, sizeof(text));
    if (*text)
        fprintf(out, "%s\n", text);
    if (c->same_process && c->folded && !c->survivors)
        fputs(
            "One process at two moments, between which sites were folded: what stayed alive is not "
            "known, and they are compared as two processes.\n",
            out);
    else if (c->same_process)
        fputs("One process at two moments: what stayed alive adds no uncertainty.\n", out);
    else if (c->n_before > 1 || c->n_after > 1)
        fprintf(out, "%zu profiles against %zu: means, and their spread from run to run.\n",
                c->n_after, c->n_before);
    else
        fputs("Two processes: sampling's chance is told from change, what differs from run to run "
              "is not (give several of each).\n",
              out);
}

static int print_text(FILE *out, const struct ht_diff *d)
{
    struct ht_report *r = d->r;
    enum ht_verdict last = HT_SAME;
    char title[16];
    print_heading(out, d);
    snprintf(title, sizeof(title), "%g%%", r->intervals.confidence * 100);
    fprintf(out, "%10s %-22s %10s %10s\n", "change", title, "before", "after");
    for (size_t i = 0; i < d->n_sites; i++) {
        const struct ht_diff_site *s = &d->sites[i];
        if (!listed(d, s->change.verdict))
            continue;
        if (s->change.verdict != last)
            fprintf(out, "%s\n", words[s->change.verdict]);
        last = s->change.verdict;
        print_site(out, r, s);
    }
    if (last == HT_SAME)
        fputs("nothing that is more than chance\n", out);
    if (!r->o.all)
        print_sum(out, d, HT_MAYBE);
    return r->graph.err;
}

static json_t *frames_of(struct ht_report *r, const struct ht_sample *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->n_locations; i++) {
        const struct ht_location *l = s->locations[i];
        struct ht_graph_node **frames = &r->graph.frames[r->graph.first_frame[l->id - 1]];
        for (size_t k = 0; k < (l->n_lines ? l->n_lines : 1); k++)
            json_array_append_new(list, ht_json_text(ht_graph_node_name(&r->graph, frames[k])));
    }
    return list;
}

static json_t *site_json(struct ht_report *r, const struct ht_diff_site *s)
{
    json_t *o = ht_json_site(r, s->node);
    const struct ht_change *c = &s->change;
    json_object_set_new(o, "flat", json_integer(whole(difference(s))));
    json_object_set_new(o, "flat_low", json_integer(whole(c->interval.low)));
    json_object_set_new(o, "flat_high", json_integer(whole(c->interval.high)));
    json_object_set_new(o, "before", json_integer(whole(s->before)));
    json_object_set_new(o, "after", json_integer(whole(s->after)));
    json_object_set_new(o, "p", json_real(c->p));
    json_object_set_new(o, "verdict", json_string(words[c->verdict]));
    json_object_set_new(o, "stack", frames_of(r, s->first->sample));
    return o;
}

static int print_json(FILE *out, const struct ht_diff *d)
{
    json_t *root = ht_json_header(d->r, "diff"), *rows = json_array();
    json_object_set_new(root, "same_process", json_boolean(d->c->same_process));
    for (size_t i = 0; i < d->n_sites; i++)
        if (d->sites[i].change.verdict != HT_SAME)
            json_array_append_new(rows, site_json(d->r, &d->sites[i]));
    json_object_set_new(root, "rows", rows);
    return ht_json_write(out, root);
}

int ht_report_diff(FILE *out, struct ht_profile *p, const struct ht_report_options *o,
                   const struct ht_compared *c)
{
    struct ht_report r;
    struct ht_diff d = {0};
    struct ht_report_options with = *o;
    with.intervals = true;
    int err = ht_report_begin(&r, HT_REPORT_FOLDED, p, &with);
    if (err)
        return err;
    if (!r.intervals.on)
        err = ht_report_fail(&r, -ENODATA, "no verdicts: %s", r.intervals.why);
    if (!err)
        err = ht_report_whole_graph(&r);
    if (!err && (err = ht_diff_collect(&d, &r, c)) == -ENOMEM)
        ht_report_fail(&r, err, "out of memory");
    if (!err) {
        if (!strcmp(r.output_unit, "minimum"))
            r.output_unit = "auto";
        err = o->json ? print_json(out, &d) : print_text(out, &d);
    }
    ht_diff_finish(&d);
    ht_report_finish(&r);
    return err;
}

/* SPDX-License-Identifier: MIT */
/* owners: for which functions memory was allocated, each with its heaviest callers. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "owners/owners.h"
#include "report/context.h"
#include "report/intervals.h"
#include "report/json.h"

static json_t *path_json(const struct ht_owner *w)
{
    json_t *path = json_array();
    for (size_t i = 0; i < w->n_path; i++)
        json_array_append_new(path, ht_json_text(w->path[i]));
    return path;
}

static json_t *wrappers_json(const struct ht_owners *o)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < o->stacks.n_functions; i++) {
        const struct ht_owner_function *f = &o->stacks.functions[i];
        if (f->rule != HT_WRAPPER && !f->behaves)
            continue;
        json_t *j = json_object();
        json_object_set_new(j, "name", ht_json_text(f->name));
        json_object_set_new(j, "by", json_string(f->rule == HT_WRAPPER ? "name" : "behaviour"));
        json_array_append_new(list, j);
    }
    return list;
}

static int print_json(FILE *out, struct ht_report *r, const struct ht_owners *o, size_t shown)
{
    json_t *root = ht_json_header(r, "owners"), *rows = json_array();
    for (size_t i = 0; i < shown; i++) {
        const struct ht_owner *w = &o->list[i];
        json_t *row = json_object();
        json_object_set_new(row, "name", ht_json_text(w->name));
        json_object_set_new(row, "object", ht_json_text(w->object));
        json_object_set_new(row, "value", json_integer(ht_div_value(w->value, 0)));
        if (r->intervals.on)
            ht_intervals_json(r, &w->evidence, "value", row);
        json_object_set_new(row, "path", path_json(w));
        if (w->within)
            json_object_set_new(row, "within", ht_json_text(w->within));
        char *text = ht_owner_text(w);
        json_object_set_new(row, "text", ht_json_text(text ? text : w->name));
        free(text);
        json_object_set_new(row, "callers", json_integer((json_int_t)w->callers));
        json_array_append_new(rows, row);
    }
    json_object_set_new(root, "owners", json_integer((json_int_t)o->n));
    json_object_set_new(root, "rows", rows);
    json_object_set_new(root, "wrappers", wrappers_json(o));
    return ht_json_write(out, root);
}

/* Wrappers that were recognised by behaviour are named, because no list has them. */
static void print_learned(FILE *out, const struct ht_owners *o)
{
    size_t n = 0;
    for (uint32_t i = 0; i < o->stacks.n_functions; i++)
        if (o->stacks.functions[i].behaves && n++ < 4)
            fprintf(out, "%s%s", n == 1 ? "Passed over by behaviour: " : ", ",
                    o->stacks.functions[i].name);
    if (n > 4)
        fprintf(out, " and %zu more", n - 4);
    if (n)
        fputs(" (--no-wrappers shows them)\n", out);
}

static void print_rows(FILE *out, struct ht_report *r, const struct ht_owners *o, size_t shown)
{
    bool column = ht_intervals_shown(r);
    char title[HT_VALUE_MAX];
    int64_t rest = 0;
    r->output_unit = "auto"; /* each figure in the unit that suits it */
    fprintf(out, "%10s%s %6s  %s\n", r->sample_type, column ? ht_intervals_title(r, title) : "",
            "share", "owner \xe2\x86\x90 callers");
    for (size_t i = 0; i < o->n; i++) {
        const struct ht_owner *w = &o->list[i];
        char value[HT_VALUE_MAX], share[HT_VALUE_MAX], sure[HT_VALUE_MAX];
        if (i >= shown) {
            rest = (int64_t)((uint64_t)rest + (uint64_t)w->value);
            continue;
        }
        char *text = ht_owner_text(w);
        fprintf(out, "%10s%s %s  ", ht_report_value(r, w->value, value),
                column ? ht_intervals_text(r, &w->evidence, sure) : "",
                ht_report_percent(w->value, r->total, share));
        ht_report_name(r, out, text ? text : w->name, w->object);
        if (w->callers > 1)
            fprintf(out, " (+%zu caller%s)", w->callers - 1, w->callers > 2 ? "s" : "");
        fputc('\n', out);
        free(text);
    }
    if (shown < o->n) {
        char value[HT_VALUE_MAX], share[HT_VALUE_MAX];
        fprintf(out, "%10s%*s %s  %zu more\n", ht_report_value(r, rest, value),
                column ? HT_INTERVAL_COLUMNS + 1 : 0, "", ht_report_percent(rest, r->total, share),
                o->n - shown);
    }
}

/* The rate that would give the first owner within 10 %. */
static void print_advice(FILE *out, const struct ht_report *r, const struct ht_owners *o)
{
    if (!r->intervals.on || !o->n || o->list[0].value <= 0)
        return;
    double rate = ht_intervals_rate_for(r, o->of_sample, 0, (double)o->list[0].value, 0.1);
    if (rate <= 0)
        return;
    char *label = ht_owner_label(&o->list[0]);
    fprintf(out,
            "For \xc2\xb1"
            "10%% of %s: ",
            label ? label : o->list[0].name);
    free(label);
    if (rate >= 1024)
        fprintf(out, "--rate=%.0fk\n", rate / 1024);
    else if (rate > 1)
        fprintf(out, "--rate=%.0f\n", rate);
    else
        fputs("--exact\n", out);
}

static int write_owners(FILE *out, struct ht_report *r, const struct ht_owners *o)
{
    struct ht_labels head = {0};
    char total[HT_VALUE_MAX], text[256];
    size_t shown = r->o.nodecount > 0 ? (size_t)r->o.nodecount : r->o.nodecount < 0 ? 20 : o->n;
    if (shown > o->n)
        shown = o->n;
    if (r->o.json)
        return print_json(out, r, o, shown);
    int err = r->o.compact_labels ? 0 : ht_labels_profile(&head, r);
    if (r->o.one_line && head.n)
        fprintf(out, "%s: ", head.line[0]);
    else
        ht_labels_print(&head, out);
    ht_labels_finish(&head);
    if (err)
        return err;
    r->output_unit = "auto";
    fprintf(out, "%s by %zu owner%s\n", ht_report_value(r, r->total, total), o->n,
            o->n == 1 ? "" : "s");
    if (*ht_intervals_heading(r, text, sizeof text))
        fprintf(out, "%s\n", text);
    print_rows(out, r, o, shown);
    if (!r->o.advise && !r->o.no_wrappers)
        print_learned(out, o);
    if (r->o.advise)
        print_advice(out, r, o);
    return 0;
}

int ht_report_owners(FILE *out, struct ht_profile *p, const struct ht_report_options *options)
{
    struct ht_report r;
    struct ht_owners owners = {0};
    int err = ht_report_begin(&r, HT_REPORT_OWNERS, p, options);
    if (err)
        return err;
    struct ht_wrappers *list = ht_wrappers_create(r.o.wrappers, &err, r.o.msg, r.o.msg_size);
    if (list) {
        const struct ht_owners_options how = {.value = r.index,
                                              .list = list,
                                              .no_wrappers = r.o.no_wrappers,
                                              .sampling =
                                                  r.intervals.on ? &r.intervals.sampling : NULL};
        err = ht_owners_find(&owners, p, &how);
        err = err ? ht_report_fail(&r, err, "out of memory") : write_owners(out, &r, &owners);
        ht_owners_finish(&owners);
    }
    ht_wrappers_destroy(list);
    ht_report_finish(&r);
    return err;
}

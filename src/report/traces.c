/* SPDX-License-Identifier: MIT */
/* traces: every sample with its labels and its stack, leaf first. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/units.h"
#include "report/context.h"
#include "report/json.h"
#include "report/label_text.h"

static const char separator[] =
    "-----------+-------------------------------------------------------\n";

/* The unit of numeric labels, as by pprof's measurement.Label. */
static void number_text(FILE *out, const struct ht_label *l, void *arg)
{
    const struct ht_report *r = arg;
    char buf[400];
    const char *unit = ht_label_unit_of(r->label_units, r->n_label_units, l->key);
    fputs(ht_unit_label(l->num, unit, "auto", buf, sizeof(buf)), out);
}

static int print_labels(FILE *out, const struct ht_report *r, const struct ht_sample *s,
                        bool numeric)
{
    struct ht_label_texts t;
    int err = ht_label_texts_init(&t, s, numeric, 10, ":  ", "", number_text, (void *)(uintptr_t)r);
    for (size_t i = 0; !err && i < t.n; i++)
        fprintf(out, "%s\n", t.text[i]);
    ht_label_texts_finish(&t);
    return err;
}

static bool has_frames(const struct ht_sample *s)
{
    return s->n_locations > 0;
}

static size_t frames_of(const struct ht_location *l)
{
    return l->n_lines ? l->n_lines : 1;
}

static struct ht_graph_node *frame(const struct ht_report *r, const struct ht_location *l, size_t i)
{
    return r->graph.frames[r->graph.first_frame[l->id - 1] + i];
}

/* A location's lines as they are printed, made once: a profile prints each thousands of times. */
struct lines {
    size_t n;
    char text[];
};

enum { VALUE_WIDTH = 10 };

static const struct lines *lines_of(struct ht_report *r, struct ht_location *l)
{
    if (l->mark)
        return (const struct lines *)l->mark;
    char *text = NULL;
    size_t n = 0;
    FILE *m = open_memstream(&text, &n);
    for (size_t j = 0; m && j < frames_of(l); j++)
        fprintf(m, "%*s   %s%s\n", VALUE_WIDTH, "", ht_graph_node_name(&r->graph, frame(r, l, j)),
                j + 1 < frames_of(l) ? " (inline)" : "");
    struct lines *lines = m && !fclose(m) ? ht_profile_alloc(r->p, sizeof(*lines) + n) : NULL;
    if (lines) {
        lines->n = n;
        memcpy(lines->text, text, n);
    }
    free(text);
    l->mark = (uintptr_t)lines;
    return lines;
}

static int print_sample(FILE *out, struct ht_report *r, const struct ht_sample *s)
{
    fputs(separator, out);
    int err = print_labels(out, r, s, false);
    if (!err)
        err = print_labels(out, r, s, true);
    int64_t value = ht_div_value(s->values[r->index], r->o.mean ? s->values[0] : 0);
    char buf[HT_VALUE_MAX];
    fprintf(out, "%*s", VALUE_WIDTH, ht_report_value(r, value, buf));
    for (size_t i = 0; i < s->n_locations; i++) {
        const struct lines *lines = lines_of(r, s->locations[i]);
        if (!lines)
            return -ENOMEM;
        size_t skip = i ? 0 : VALUE_WIDTH; /* the value takes this place */
        fwrite_unlocked(lines->text + skip, 1, lines->n - skip, out);
    }
    return err;
}

static int print_json(FILE *out, struct ht_report *r)
{
    const struct ht_profile *p = r->p;
    json_t *root = ht_json_header(r, "traces"), *samples = json_array();
    for (size_t i = 0; i < p->n_samples; i++) {
        const struct ht_sample *s = &p->samples[i];
        if (!has_frames(s))
            continue;
        json_t *o = json_object(), *frames = json_array();
        json_object_set_new(o, "value", json_integer(s->values[r->index]));
        json_object_set_new(o, "labels", ht_json_labels(s));
        for (size_t k = 0; k < s->n_locations; k++) {
            const struct ht_location *l = s->locations[k];
            for (size_t j = 0; j < frames_of(l); j++) {
                struct ht_graph_node *n = frame(r, l, j);
                json_t *f = json_object();
                json_object_set_new(f, "name", ht_json_text(ht_graph_node_name(&r->graph, n)));
                json_object_set_new(f, "inline", json_boolean(j + 1 < frames_of(l)));
                json_array_append_new(frames, f);
            }
        }
        json_object_set_new(o, "frames", frames);
        json_array_append_new(samples, o);
    }
    json_object_set_new(root, "samples", samples);
    return ht_json_write(out, root);
}

int ht_report_traces(FILE *out, struct ht_profile *p, const struct ht_report_options *o)
{
    struct ht_report r;
    struct ht_labels head = {0};
    int err = ht_report_begin(&r, HT_REPORT_TRACES, p, o);
    if (err)
        return err;
    /* Unlike other reports this one shows file names as they are, and frames of all binaries. */
    const struct ht_graph_options go = {.value = r.index, .divisor = -1, .frames_only = true};
    err = ht_graph_init(&r.graph, p, &go);
    if (!err && o->json) {
        err = print_json(out, &r);
    } else if (!err) {
        for (size_t i = 0; i < p->n_locations; i++)
            p->locations[i]->mark = 0;
        err = ht_labels_profile(&head, &r);
        ht_labels_print(&head, out);
        for (size_t i = 0; !err && i < p->n_samples; i++)
            if (has_frames(&p->samples[i]))
                err = print_sample(out, &r, &p->samples[i]);
        fputs(separator, out);
    }
    if (err == -ENOMEM)
        ht_report_fail(&r, err, "out of memory");
    ht_labels_finish(&head);
    ht_report_finish(&r);
    return err;
}

/* SPDX-License-Identifier: MIT */
/* raw: the profile as it is, in the words of pprof's own dump. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "report/context.h"
#include "report/json.h"
#include "report/label_text.h"

/* "2006-01-02 15:04:05.999999999 -0700 MST": a fraction without its last zeros. */
static void print_time(FILE *out, int64_t nanos)
{
    time_t seconds = nanos / 1000000000;
    int rest = (int)(nanos % 1000000000);
    if (rest < 0) {
        rest += 1000000000;
        seconds--;
    }
    struct tm tm;
    char date[64], zone[64], fraction[16] = "";
    localtime_r(&seconds, &tm);
    strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
    strftime(zone, sizeof(zone), "%z %Z", &tm);
    if (rest) {
        snprintf(fraction, sizeof(fraction), ".%09d", rest);
        for (char *last = fraction + strlen(fraction) - 1; *last == '0' && last > fraction; last--)
            *last = '\0';
    }
    fprintf(out, "Time: %s%s %s\n", date, fraction, zone);
}

/* Go's text for a duration, cut after four characters as pprof does ("%.4v"). */
static void print_duration(FILE *out, int64_t nanos)
{
    uint64_t u = nanos < 0 ? -(uint64_t)nanos : (uint64_t)nanos;
    char text[64];
    int n = 0;
    uint64_t whole, part;
    const char *unit = "s";
    int digits = 9;
    if (u >= 1000000000) {
        uint64_t minutes = u / 60000000000;
        if (minutes >= 60)
            n += snprintf(text + n, sizeof(text) - (size_t)n, "%" PRIu64 "h", minutes / 60);
        if (minutes)
            n += snprintf(text + n, sizeof(text) - (size_t)n, "%" PRIu64 "m", minutes % 60);
        whole = u % 60000000000 / 1000000000;
        part = u % 1000000000;
    } else {
        digits = u >= 1000000 ? 6 : u >= 1000 ? 3 : 0;
        uint64_t scale = u >= 1000000 ? 1000000 : u >= 1000 ? 1000 : 1;
        unit = u >= 1000000 ? "ms" : u >= 1000 ? "\xc2\xb5s" : u ? "ns" : "s";
        whole = u / scale;
        part = u % scale;
    }
    n += snprintf(text + n, sizeof(text) - (size_t)n, "%" PRIu64, whole);
    if (part) {
        n += snprintf(text + n, sizeof(text) - (size_t)n, ".%0*" PRIu64, digits, part);
        while (text[n - 1] == '0')
            n--;
    }
    snprintf(text + n, sizeof(text) - (size_t)n, "%s", unit);
    size_t bytes = 0;
    for (int runes = nanos < 0 ? 1 : 0; text[bytes] && runes < 4; runes++)
        do
            bytes++;
        while ((text[bytes] & 0xc0) == 0x80);
    fprintf(out, "Duration: %s%.*s\n", nanos < 0 ? "-" : "", (int)bytes, text);
}

struct units_shown {
    const char *key; /* the key of the last call; labels are sorted by key */
    bool shown;
    const struct ht_label *end;
};

/* A unit shows when any label of the key has one. */
static void number_text(FILE *out, const struct ht_label *l, void *arg)
{
    struct units_shown *u = arg;
    if (l->key != u->key) {
        u->key = l->key;
        u->shown = false;
        for (const struct ht_label *o = l; o < u->end && o->key == l->key; o++)
            u->shown = u->shown || *o->num_unit;
    }
    fprintf(out, "%" PRId64, l->num);
    if (u->shown)
        fprintf(out, " %s", l->num_unit);
}

static int print_labels(FILE *out, const struct ht_sample *s, bool numeric)
{
    struct ht_label_texts t;
    struct units_shown u = {.end = s->n_labels ? s->labels + s->n_labels : NULL};
    int err = ht_label_texts_init(&t, s, numeric, 0, ":[", "]", number_text, &u);
    for (size_t i = 0; !err && i < t.n; i++)
        fprintf(out, "%s%s%s", i ? " " : "                ", t.text[i], i + 1 < t.n ? "" : "\n");
    ht_label_texts_finish(&t);
    return err;
}

static int print_samples(FILE *out, const struct ht_profile *p)
{
    int err = 0;
    fputs("Samples:\n", out);
    for (size_t i = 0; i < p->n_sample_types; i++) {
        const struct ht_value_type *t = &p->sample_types[i];
        bool chosen = *t->type && !strcmp(t->type, p->default_sample_type);
        fprintf(out, "%s%s/%s%s", i ? " " : "", t->type, t->unit, chosen ? "[dflt]" : "");
    }
    fputc('\n', out);
    for (size_t i = 0; !err && i < p->n_samples; i++) {
        const struct ht_sample *s = &p->samples[i];
        for (size_t j = 0; j < p->n_sample_types; j++)
            fprintf(out, " %10" PRId64, s->values[j]);
        fputs(": ", out);
        for (size_t j = 0; j < s->n_locations; j++)
            fprintf(out, "%" PRIu64 " ", s->locations[j]->id);
        fputc('\n', out);
        err = print_labels(out, s, false);
        if (!err)
            err = print_labels(out, s, true);
    }
    return err;
}

static void print_location(FILE *out, const struct ht_location *l)
{
    fprintf(out, "%6" PRIu64 ": 0x%" PRIx64 " ", l->id, l->address);
    if (l->mapping)
        fprintf(out, "M=%" PRIu64 " ", l->mapping->id);
    if (l->is_folded)
        fputs("[F] ", out);
    if (!l->n_lines)
        fputc('\n', out);
    for (size_t i = 0; i < l->n_lines; i++) {
        const struct ht_line *ln = &l->lines[i];
        const struct ht_function *f = ln->function;
        fprintf(out, "%s%s %s:%" PRId64, i ? "             " : "", f->name, f->filename, ln->line);
        if (ln->column) /* newer pprofs print it always, Go 1.19's never */
            fprintf(out, ":%" PRId64, ln->column);
        fprintf(out, " s=%" PRId64, f->start_line);
        if (strcmp(f->name, f->system_name) != 0)
            fprintf(out, "(%s)", f->system_name);
        fputc('\n', out);
    }
}

static int print_text(FILE *out, const struct ht_profile *p)
{
    for (size_t i = 0; i < p->n_comments; i++)
        fprintf(out, "Comment: %s\n", p->comments[i]);
    if (*p->doc_url)
        fprintf(out, "Doc: %s\n", p->doc_url);
    fprintf(out, "PeriodType: %s %s\nPeriod: %" PRId64 "\n", p->period_type.type,
            p->period_type.unit, p->period);
    if (p->time_nanos)
        print_time(out, p->time_nanos);
    if (p->duration_nanos)
        print_duration(out, p->duration_nanos);
    int err = print_samples(out, p);
    fputs("Locations\n", out);
    for (size_t i = 0; i < p->n_locations; i++)
        print_location(out, p->locations[i]);
    fputs("Mappings\n", out);
    for (size_t i = 0; i < p->n_mappings; i++) {
        const struct ht_mapping *m = p->mappings[i];
        fprintf(out, "%" PRIu64 ": 0x%" PRIx64 "/0x%" PRIx64 "/0x%" PRIx64 " %s %s %s%s%s%s\n",
                m->id, m->start, m->limit, m->offset, m->file, m->build_id,
                m->has_functions ? "[FN]" : "", m->has_filenames ? "[FL]" : "",
                m->has_line_numbers ? "[LN]" : "", m->has_inline_frames ? "[IN]" : "");
    }
    return err;
}

/* Addresses and ids as hexadecimal text: JSON's numbers end at 2^53. */
static json_t *hex(uint64_t v)
{
    char buf[24];
    snprintf(buf, sizeof(buf), "0x%" PRIx64, v);
    return json_string(buf);
}

static json_t *json_location(const struct ht_location *l)
{
    json_t *o = json_object(), *lines = json_array();
    json_object_set_new(o, "id", json_integer((json_int_t)l->id));
    json_object_set_new(o, "address", hex(l->address));
    if (l->mapping)
        json_object_set_new(o, "mapping", json_integer((json_int_t)l->mapping->id));
    for (size_t i = 0; i < l->n_lines; i++) {
        const struct ht_function *f = l->lines[i].function;
        json_t *line = json_object();
        json_object_set_new(line, "function", ht_json_text(f->name));
        json_object_set_new(line, "system_name", ht_json_text(f->system_name));
        json_object_set_new(line, "file", ht_json_text(f->filename));
        json_object_set_new(line, "line", json_integer(l->lines[i].line));
        json_array_append_new(lines, line);
    }
    json_object_set_new(o, "lines", lines);
    return o;
}

static int print_json(FILE *out, struct ht_report *r)
{
    const struct ht_profile *p = r->p;
    json_t *root = ht_json_header(r, "raw"), *types = json_array(), *samples = json_array();
    json_t *locations = json_array(), *mappings = json_array();
    for (size_t i = 0; i < p->n_sample_types; i++)
        json_array_append_new(types,
                              json_pack("{s:o, s:o}", "type", ht_json_text(p->sample_types[i].type),
                                        "unit", ht_json_text(p->sample_types[i].unit)));
    for (size_t i = 0; i < p->n_samples; i++) {
        const struct ht_sample *s = &p->samples[i];
        json_t *values = json_array(), *stack = json_array();
        for (size_t j = 0; j < p->n_sample_types; j++)
            json_array_append_new(values, json_integer(s->values[j]));
        for (size_t j = 0; j < s->n_locations; j++)
            json_array_append_new(stack, json_integer((json_int_t)s->locations[j]->id));
        json_array_append_new(samples, json_pack("{s:o, s:o, s:o}", "values", values, "locations",
                                                 stack, "labels", ht_json_labels(s)));
    }
    for (size_t i = 0; i < p->n_locations; i++)
        json_array_append_new(locations, json_location(p->locations[i]));
    for (size_t i = 0; i < p->n_mappings; i++) {
        const struct ht_mapping *m = p->mappings[i];
        json_array_append_new(mappings,
                              json_pack("{s:I, s:o, s:o, s:o, s:o, s:o}", "id", (json_int_t)m->id,
                                        "start", hex(m->start), "limit", hex(m->limit), "offset",
                                        hex(m->offset), "file", ht_json_text(m->file), "build_id",
                                        ht_json_text(m->build_id)));
    }
    json_object_set_new(root, "period_type", ht_json_text(p->period_type.type));
    json_object_set_new(root, "period_unit", ht_json_text(p->period_type.unit));
    json_object_set_new(root, "period", json_integer(p->period));
    json_object_set_new(root, "sample_types", types);
    json_object_set_new(root, "samples", samples);
    json_object_set_new(root, "locations", locations);
    json_object_set_new(root, "mappings", mappings);
    return ht_json_write(out, root);
}

/* pprof gives a profile without mappings one of its own, and shows it. */
static int add_mapping(struct ht_profile *p)
{
    if (p->n_mappings)
        return 0;
    struct ht_mapping *m = ht_profile_add_mapping(p);
    for (size_t i = 0; m && i < p->n_locations; i++)
        p->locations[i]->mapping = m;
    return m ? 0 : -ENOMEM;
}

int ht_report_raw(FILE *out, struct ht_profile *p, const struct ht_report_options *o)
{
    struct ht_report r;
    int err = ht_report_begin(&r, HT_REPORT_RAW, p, o);
    if (err)
        return err;
    err = add_mapping(p);
    if (!err)
        err = o->json ? print_json(out, &r) : print_text(out, p);
    if (err == -ENOMEM)
        ht_report_fail(&r, err, "out of memory");
    ht_report_finish(&r);
    return err;
}

/* SPDX-License-Identifier: MIT */
/* Writes a prefix tree of frames, root first, column by column: of all samples, or a folded one. */
#include "config.h"

#include "serve/webdata.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "evidence/sampling.h"
#include "profile/profile.h"
#include "serve/web_builder.h"

/* A number, and a comma before it unless it is the first of its list. stdio's formats take most of
 * the time of a large profile. */
static void put_number(FILE *out, bool first, int64_t v)
{
    char text[24], *at = text + sizeof text;
    uint64_t left = v < 0 ? -(uint64_t)v : (uint64_t)v;
    do
        *--at = (char)('0' + left % 10);
    while (left /= 10);
    if (v < 0)
        *--at = '-';
    if (!first)
        *--at = ',';
    fwrite_unlocked(at, 1, (size_t)(text + sizeof text - at), out);
}

/* What intervals and verdicts need: the sampler's distribution, and why a type has no intervals. */
static void write_sampling(FILE *out, struct ht_profile *p)
{
    struct ht_sampling s = {0};
    fputs(",\"no_intervals\":[", out);
    char why[128];
    for (size_t t = 0; t < p->n_sample_types; t++) {
        bool known = ht_sampling_of(&s, p, t, why, sizeof why);
        if (known && s.rate <= 1 && p->period > 1) {
            known = false;
            snprintf(why, sizeof why, "every mapping was recorded");
        }
        fputs(t ? "," : "", out);
        ht_web_json_string(out, known ? "" : why);
    }
    fprintf(out, "],\"plus_one\":%s", s.plus_one ? "true" : "false");
}

/* The same text for two moments of one process; "" when the profile does not say which process
 * it is of. */
static void write_process(FILE *out, const struct ht_profile *p)
{
    const struct ht_mapping *m = p->n_mappings ? p->mappings[0] : NULL;
    const char *pid = NULL;
    char *text = NULL;
    for (size_t i = 0; i < p->n_comments && !pid; i++)
        if (!strncmp(p->comments[i], "pid: ", 5))
            pid = p->comments[i];
    if (m && pid &&
        asprintf(&text, "%s %" PRIx64 " %s %s", pid, m->start, m->build_id, m->file) < 0)
        text = NULL;
    fputs(",\"process\":", out);
    ht_web_json_string(out, text ? text : "");
    free(text);
}

static void write_head(FILE *out, struct ht_profile *p, const char *title)
{
    size_t types = p->n_sample_types, chosen = types ? types - 1 : 0;
    for (size_t t = 0; t < types; t++)
        if (*p->default_sample_type && !strcmp(p->sample_types[t].type, p->default_sample_type))
            chosen = t;
    fputs("{\"v\":3,\"title\":", out);
    ht_web_json_string(out, title);
    fprintf(out, ",\"time\":%" PRId64 ",\"duration\":%" PRId64 ",\"period\":%" PRId64,
            p->time_nanos / 1000000, p->duration_nanos / 1000000, p->period);
    fputs(",\"period_unit\":", out);
    ht_web_json_string(out, p->period_type.unit);
    fprintf(out, ",\"default\":%zu,\"samples\":%zu,\"types\":[", chosen, p->n_samples);
    for (size_t t = 0; t < types; t++) {
        fputs(t ? ",{\"type\":" : "{\"type\":", out);
        ht_web_json_string(out, p->sample_types[t].type);
        fputs(",\"unit\":", out);
        ht_web_json_string(out, p->sample_types[t].unit);
        putc('}', out);
    }
    putc(']', out);
    write_sampling(out, p);
    write_process(out, p);
    fputs(",\"comments\":[", out);
    for (size_t i = 0; i < p->n_comments; i++) {
        if (i)
            putc(',', out);
        ht_web_json_string(out, p->comments[i]);
    }
    fputs("],\"modules\":[", out);
    for (size_t i = 0, n = 0; i < p->n_mappings; i++) {
        if (!*p->mappings[i]->file)
            continue;
        if (n++)
            putc(',', out);
        ht_web_json_string(out, p->mappings[i]->file);
    }
    putc(']', out);
}

static void write_frames(FILE *out, const struct ht_web_builder *b)
{
    uint32_t n = b->frames_by_key.n;
#define COLUMN(name, format, value)                                                                \
    do {                                                                                           \
        fputs("\"" name "\":[", out);                                                              \
        for (uint32_t i = 0; i < n; i++)                                                           \
            fprintf(out, i ? "," format : format, b->frames[i].value);                             \
        putc(']', out);                                                                            \
    } while (0)
    fputs(",\"frames\":{", out);
    COLUMN("fn", "%" PRIu32, fn);
    putc(',', out);
    COLUMN("file", "%" PRIu32, file);
    putc(',', out);
    COLUMN("mod", "%" PRIu32, mod);
    putc(',', out);
    COLUMN("line", "%" PRId64, line);
    putc(',', out);
    COLUMN("start", "%" PRId64, start);
    putc(',', out);
    COLUMN("addr", "\"%" PRIx64 "\"", address);
    if (b->owners) {
        putc(',', out);
        COLUMN("kind", "%d", kind);
    }
    if (b->code) {
        putc(',', out);
        COLUMN("code", "%" PRId64, code);
    }
    putc('}', out);
#undef COLUMN
}

static void write_nodes(FILE *out, const struct ht_web_builder *b)
{
    fputs(",\"nodes\":{\"up\":[1", out);
    for (uint32_t i = 1; i < b->n_nodes; i++)
        put_number(out, false, (int64_t)i - (int64_t)b->nodes[i].parent);
    fputs("],\"frame\":[0", out);
    for (uint32_t i = 1; i < b->n_nodes; i++)
        put_number(out, false, b->nodes[i].frame);
    fputs("]}", out);
}

static void write_sums(FILE *out, const struct ht_web_builder *b)
{
    size_t types = b->p->n_sample_types;
    fputs(",\"sums\":{\"node\":[", out);
    for (uint32_t i = 0; i < b->sums.n; i++)
        put_number(out, !i, (int64_t)b->sums.keys[i].a);
    fputs("],\"size\":[", out);
    for (uint32_t i = 0; i < b->sums.n; i++)
        put_number(out, !i, (int64_t)b->sums.keys[i].b);
    if (b->aged) {
        fputs("],\"age\":[", out);
        for (uint32_t i = 0; i < b->sums.n; i++)
            put_number(out, !i, (int64_t)b->rest.keys[b->sums.keys[i].c].a);
    }
    if (b->labelled) {
        fputs("],\"labels\":[", out);
        for (uint32_t i = 0; i < b->sums.n; i++) {
            uint64_t labels = b->rest.keys[b->sums.keys[i].c].b;
            put_number(out, !i, labels == HT_WEB_NO_LABELS ? -1 : (int64_t)labels);
        }
    }
    if (b->owners) {
        fputs("],\"owner\":[", out);
        for (uint32_t i = 0; i < b->sums.n; i++)
            put_number(out, !i, b->owner[i]);
    }
    fputs("],\"values\":[", out);
    for (size_t t = 0; t < types; t++) {
        fputs(t ? ",[" : "[", out);
        for (uint32_t i = 0; i < b->sums.n; i++)
            put_number(out, !i, b->values[i * types + t]);
        putc(']', out);
    }
    fputs("]}", out);
}

static void write_strings(FILE *out, const struct ht_web_builder *b)
{
    fputs(",\"strings\":[", out);
    for (uint32_t i = 0; i < b->strings.n; i++) {
        if (i)
            putc(',', out);
        ht_web_json_string(out, (const char *)(uintptr_t)b->strings.keys[i].a);
    }
    putc(']', out);
}

static int write_data(FILE *out, struct ht_web_builder *b, const char *title)
{
    struct ht_profile *p = b->p;
    b->size_key = ht_profile_str(p, "bytes");
    b->age_key = ht_profile_str(p, "age");
    int err = ht_web_add_samples(b);
    if (!err) {
        write_head(out, p, title);
        write_strings(out, b);
        write_frames(out, b);
        write_nodes(out, b);
        write_sums(out, b);
        putc('}', out);
    }
    ht_web_builder_finish(b);
    return err;
}

int ht_web_data(FILE *out, struct ht_profile *p, const char *title, bool owners)
{
    struct ht_web_owners found = {0};
    struct ht_web_builder b = {.p = p, .owners = owners ? &found : NULL};
    int err = owners ? ht_web_owners_begin(&found, p) : 0;
    if (!err)
        err = write_data(out, &b, title);
    ht_web_owners_finish(&found);
    return err;
}

int ht_web_code_data(FILE *out, struct ht_profile *p, const char *title, const char *function)
{
    struct ht_web_builder b = {.p = p, .code = function};
    return write_data(out, &b, title);
}

/* The frame that replaces folded ones. */
static const char narrow_name[] = "(narrow)";

static uint32_t narrow_frame(struct ht_web_builder *b)
{
    static struct ht_function function = {.name = narrow_name, .filename = ""};
    struct ht_line line = {.function = &function};
    const struct ht_location location = {.n_lines = 1, .lines = &line};
    return ht_web_frame(b, &location, 0);
}

/* Adds the frames of a tree to the builder, in order. The number of each node's frame is written
 * over the node's. */
static int number_frames(struct ht_web_builder *b, const struct ht_fold_frames *f,
                         struct ht_fold_tree *t)
{
    for (uint32_t i = 1; i < t->n; i++) {
        size_t k = 0;
        const struct ht_location *loc =
            t->frame[i] == HT_FOLD_NARROW ? NULL : ht_fold_frame(f, t->frame[i], &k);

        t->frame[i] = loc ? ht_web_frame(b, loc, k) : narrow_frame(b);
        if (t->frame[i] == UINT32_MAX)
            return -ENOMEM;
    }
    return 0;
}

static bool any_value(const struct ht_fold_tree *t, uint32_t sum, size_t first, size_t types)
{
    for (size_t c = first; c < first + types; c++)
        if (t->values[sum * t->columns + c])
            return true;
    return false;
}

/* The first sum is the root's, and is empty. */
static void write_folded(FILE *out, const struct ht_fold_tree *t, const char *nodes,
                         const char *sums, size_t first, size_t types)
{
    fprintf(out, ",\"%s\":{\"up\":[1", nodes);
    for (uint32_t i = 1; i < t->n; i++)
        put_number(out, false, (int64_t)i - (int64_t)t->parent[i]);
    fputs("],\"frame\":[0", out);
    for (uint32_t i = 1; i < t->n; i++)
        put_number(out, false, t->frame[i]);
    fprintf(out, "]},\"%s\":{\"node\":[0", sums);
    for (uint32_t i = 0; i < t->by_size.n; i++)
        if (any_value(t, i, first, types))
            put_number(out, false, t->sums[i].node);
    fputs("],\"size\":[-1", out);
    for (uint32_t i = 0; i < t->by_size.n; i++)
        if (any_value(t, i, first, types))
            put_number(out, false, t->sums[i].size);
    fputs("],\"values\":[", out);
    for (size_t c = 0; c < types; c++) {
        fputs(c ? ",[0" : "[0", out);
        for (uint32_t i = 0; i < t->by_size.n; i++)
            if (any_value(t, i, first, types))
                put_number(out, false, t->values[i * t->columns + first + c]);
        putc(']', out);
    }
    fputs("]}", out);
}

int ht_web_folded_begin(struct ht_web_folded *w, struct ht_profile *p, struct ht_profile *before,
                        uint32_t budget, double pixel)
{
    *w = (struct ht_web_folded){.frames = ht_fold_frames_create(p, before)};
    if (!w->frames)
        return -ENOMEM;
    int err = ht_fold(w->frames, false, budget, pixel, &w->root_first);
    if (!err && w->root_first.folded)
        err = ht_fold(w->frames, true, budget, pixel, &w->leaf_first);
    if (!err && w->root_first.folded) {
        struct ht_web_builder *b = w->builder = calloc(1, sizeof *b);

        err = !b || narrow_frame(b) ? -ENOMEM : number_frames(b, w->frames, &w->root_first);
        if (!err)
            err = number_frames(b, w->frames, &w->leaf_first);
    }
    if (err)
        ht_web_folded_finish(w);
    return err;
}

void ht_web_folded_write(FILE *out, const struct ht_web_folded *w, struct ht_profile *p,
                         size_t first, const char *title)
{
    write_head(out, p, title);
    write_strings(out, w->builder);
    write_frames(out, w->builder);
    write_folded(out, &w->root_first, "nodes", "sums", first, p->n_sample_types);
    write_folded(out, &w->leaf_first, "inverted", "inverted_sums", first, p->n_sample_types);
    putc('}', out);
}

void ht_web_folded_finish(struct ht_web_folded *w)
{
    if (w->builder)
        ht_web_builder_finish(w->builder);
    free(w->builder);
    ht_fold_finish(&w->root_first);
    ht_fold_finish(&w->leaf_first);
    ht_fold_frames_destroy(w->frames);
    *w = (struct ht_web_folded){0};
}

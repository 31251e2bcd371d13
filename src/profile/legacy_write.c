/* SPDX-License-Identifier: MIT */
/* The model as gperftools' text. Values are whole already, so the tag is heapprofile, which no
 * reader scales. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/profile.h"

/* Indices among the values of in-use objects and bytes, allocated objects and bytes; -1: none. */
static void find_types(const struct ht_profile *p, int at[4])
{
    static const char *const names[4][2] = {{"inuse_objects", "objects"},
                                            {"inuse_space", "space"},
                                            {"alloc_objects", "alloc_objects"},
                                            {"alloc_space", "alloc_space"}};
    for (int i = 0; i < 4; i++) {
        at[i] = -1;
        for (size_t j = 0; j < p->n_sample_types; j++)
            if (!strcmp(p->sample_types[j].type, names[i][0]) ||
                !strcmp(p->sample_types[j].type, names[i][1]))
                at[i] = (int)j;
    }
    if (at[2] < 0 || at[3] < 0) {
        at[2] = at[0]; /* what was never freed: readers then show in-use only */
        at[3] = at[1];
    }
}

static void counts_of(const struct ht_sample *s, const int at[4], int64_t v[4])
{
    for (int i = 0; i < 4; i++)
        v[i] = s->values[at[i]];
    /* Readers refuse bytes in no objects, and rounding may have left some. */
    for (int i = 0; i < 4; i += 2)
        if (!v[i] && v[i + 1])
            v[i] = 1;
}

static void write_counts(FILE *out, const int64_t v[4])
{
    fprintf(out, "%" PRId64 ": %" PRId64 " [%" PRId64 ": %" PRId64 "] @", v[0], v[1], v[2], v[3]);
}

/* A name in one line: others' profiles may have any characters in it. */
static void write_name(FILE *out, const char *name)
{
    for (; *name; name++)
        fputc((unsigned char)*name < ' ' || *name == 127 ? '?' : *name, out);
}

static void write_line(FILE *out, const struct ht_location *l, const struct ht_line *line)
{
    fprintf(out, "#\t0x%" PRIx64 "\t", l->address + 1);
    write_name(out, line->function->name);
    fputc('\t', out);
    write_name(out, line->function->filename);
    fprintf(out, ":%" PRId64 "\n", line->line);
}

static void write_sample(FILE *out, const struct ht_sample *s, const int at[4])
{
    int64_t v[4];
    bool named = false;
    counts_of(s, at, v);
    write_counts(out, v);
    for (size_t i = 0; i < s->n_locations; i++) {
        fprintf(out, " 0x%08" PRIx64, s->locations[i]->address + 1);
        named = named || s->locations[i]->n_lines;
    }
    fputc('\n', out);
    for (size_t i = 0; named && i < s->n_locations; i++) {
        const struct ht_location *l = s->locations[i];
        for (size_t j = 0; j < l->n_lines; j++)
            write_line(out, l, &l->lines[j]);
    }
    if (named)
        fputc('\n', out);
}

static int totals(const struct ht_profile *p, const int at[4], int64_t sums[4], char *msg,
                  size_t msg_size)
{
    memset(sums, 0, 4 * sizeof(*sums));
    for (size_t i = 0; i < p->n_samples; i++) {
        int64_t v[4];
        counts_of(&p->samples[i], at, v);
        for (int j = 0; j < 4; j++) {
            if (v[j] < 0) {
                snprintf(msg, msg_size,
                         "text heap profiles have no negative values: a difference needs a "
                         ".pb.gz file");
                return -EINVAL;
            }
            if (__builtin_add_overflow(sums[j], v[j], &sums[j]))
                sums[j] = INT64_MAX;
        }
    }
    return 0;
}

int ht_profile_encode_text(const struct ht_profile *p, void **data, size_t *size, char *msg,
                           size_t msg_size)
{
    int at[4];
    int64_t sums[4];
    find_types(p, at);
    if (at[0] < 0 || at[1] < 0) {
        snprintf(msg, msg_size, "text heap profiles need inuse_objects and inuse_space");
        return -EINVAL;
    }
    int err = totals(p, at, sums, msg, msg_size);
    if (err)
        return err;
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    if (out) {
        fputs("heap profile: ", out);
        write_counts(out, sums);
        fputs(" heapprofile\n", out);
        for (size_t i = 0; i < p->n_samples; i++)
            write_sample(out, &p->samples[i], at);
        fputs("\nMAPPED_LIBRARIES:\n", out);
        for (size_t i = 0; i < p->n_mappings; i++) {
            const struct ht_mapping *m = p->mappings[i];
            fprintf(out, "%08" PRIx64 "-%08" PRIx64 " r-xp %08" PRIx64 " 00:00 0 ", m->start,
                    m->limit, m->offset);
            write_name(out, m->file);
            fputc('\n', out);
        }
        err = ferror(out) ? -ENOMEM : 0;
        if (fclose(out))
            err = -ENOMEM;
    }
    if (!out || err) {
        free(text);
        snprintf(msg, msg_size, "out of memory");
        return -ENOMEM;
    }
    *data = text;
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * debug=1: the text form of gperftools, with names as comments as Go writes them. Its tag is
 * "heapprofile", for which readers do not scale: the values are scaled already.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "profile/profile.h"
#include "serve/http.h"

static size_t type_index(const struct ht_profile *p, const char *name, const char *alias)
{
    for (size_t t = 0; t < p->n_sample_types; t++)
        if (!strcmp(p->sample_types[t].type, name) ||
            (alias && !strcmp(p->sample_types[t].type, alias)))
            return t;
    return SIZE_MAX;
}

struct columns {
    size_t inuse_objects, inuse_space, alloc_objects, alloc_space;
};

static int64_t value(const struct ht_sample *s, size_t t)
{
    return t == SIZE_MAX ? 0 : s->values[t];
}

/* Readers refuse bytes without objects. */
static int64_t count_for(int64_t objects, int64_t bytes)
{
    return objects == 0 && bytes != 0 ? 1 : objects;
}

static void put_name(FILE *out, const char *s)
{
    for (; *s; s++)
        putc((unsigned char)*s < 0x20 ? '?' : *s, out);
}

/* Comment lines, one a frame, that pprof skips and people read. */
static void write_frames(FILE *out, const struct ht_sample *s)
{
    for (size_t i = 0; i < s->n_locations; i++) {
        const struct ht_location *loc = s->locations[i];

        for (size_t k = 0; k < loc->n_lines; k++) {
            const struct ht_function *f = loc->lines[k].function;

            fprintf(out, "#\t%#" PRIx64 "\t", loc->address + 1);
            put_name(out, f->name);
            if (*f->filename) {
                putc('\t', out);
                put_name(out, f->filename);
                if (loc->lines[k].line > 0)
                    fprintf(out, ":%" PRId64, loc->lines[k].line);
            }
            putc('\n', out);
        }
    }
}

static void write_sample(FILE *out, const struct ht_sample *s, const struct columns *c)
{
    int64_t space = value(s, c->inuse_space), alloc = value(s, c->alloc_space);
    fprintf(out, "%" PRId64 ": %" PRId64 " [%" PRId64 ": %" PRId64 "] @",
            count_for(value(s, c->inuse_objects), space), space,
            count_for(value(s, c->alloc_objects), alloc), alloc);
    /* Readers take these for return addresses and subtract one. */
    for (size_t i = 0; i < s->n_locations; i++)
        fprintf(out, " %#" PRIx64, s->locations[i]->address + 1);
    putc('\n', out);
    write_frames(out, s);
    putc('\n', out);
}

int ht_legacy_write(FILE *out, const struct ht_profile *p)
{
    const struct columns c = {
        type_index(p, "inuse_objects", "objects"), type_index(p, "inuse_space", "space"),
        type_index(p, "alloc_objects", "objects"), type_index(p, "alloc_space", "space")};
    uint64_t sum[4] = {0};

    for (size_t i = 0; i < p->n_samples; i++) {
        const struct ht_sample *s = &p->samples[i];

        sum[0] += (uint64_t)count_for(value(s, c.inuse_objects), value(s, c.inuse_space));
        sum[1] += (uint64_t)value(s, c.inuse_space);
        sum[2] += (uint64_t)count_for(value(s, c.alloc_objects), value(s, c.alloc_space));
        sum[3] += (uint64_t)value(s, c.alloc_space);
    }
    fprintf(out,
            "heap profile: %" PRId64 ": %" PRId64 " [%" PRId64 ": %" PRId64 "] @ heapprofile\n",
            (int64_t)sum[0], (int64_t)sum[1], (int64_t)sum[2], (int64_t)sum[3]);
    for (size_t i = 0; i < p->n_samples; i++)
        write_sample(out, &p->samples[i], &c);
    fputs("\nMAPPED_LIBRARIES:\n", out);
    for (size_t i = 0; i < p->n_mappings; i++) {
        const struct ht_mapping *m = p->mappings[i];

        fprintf(out, "%08" PRIx64 "-%08" PRIx64 " r-xp %08" PRIx64 " 00:00 0 ", m->start, m->limit,
                m->offset);
        put_name(out, m->file);
        putc('\n', out);
    }
    return ferror(out) ? -EIO : 0;
}

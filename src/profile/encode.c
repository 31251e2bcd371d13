/* SPDX-License-Identifier: MIT */
/* The model into profile.proto. Written by hand, straight into one buffer, so that a profile of
 * a million samples is not in memory twice. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "profile/profile.h"
#include "util/hash.h"
#include "util/utf8.h"

struct out {
    uint8_t *data;
    size_t size, cap;
    bool failed;
    /* Strings written so far, in order of their index; found by pointer (they are interned). */
    struct {
        const char *s;
        uint64_t index;
    } * map;
    size_t mask;
    const char **strings;
    size_t n_strings, cap_strings;
};

static bool reserve(struct out *o, size_t n)
{
    if (n <= o->cap - o->size)
        return true;
    size_t cap = o->cap ? o->cap * 2 : 4096;
    while (cap - o->size < n)
        cap *= 2;
    uint8_t *data = realloc(o->data, cap);
    if (!data) {
        o->failed = true;
        return false;
    }
    o->data = data;
    o->cap = cap;
    return true;
}

static size_t varint_size(uint64_t v)
{
    return ((size_t)(63 - __builtin_clzll(v | 1)) * 9 + 73) / 64;
}

static void put_varint(struct out *o, uint64_t v)
{
    if (!reserve(o, 10))
        return;
    uint8_t *p = o->data + o->size;
    for (; v >= 0x80; v >>= 7)
        *p++ = (uint8_t)(v | 0x80);
    *p++ = (uint8_t)v;
    o->size = (size_t)(p - o->data);
}

static void put_number(struct out *o, unsigned field, uint64_t v)
{
    if (!v)
        return;
    put_varint(o, field << 3);
    put_varint(o, v);
}

static size_t number_size(uint64_t v)
{
    return v ? 1 + varint_size(v) : 0; /* fields below 16 have a tag of one byte */
}

static void put_head(struct out *o, unsigned field, size_t size)
{
    put_varint(o, field << 3 | 2);
    put_varint(o, size);
}

static size_t hash_pointer(const void *p)
{
    return (size_t)(((uintptr_t)p * HT_GOLDEN_RATIO) >> 24);
}

static bool map_grow(struct out *o)
{
    size_t mask = o->mask ? o->mask * 2 + 1 : 1023;
    __typeof__(o->map) map = calloc(mask + 1, sizeof(*map));
    if (!map)
        return false;
    for (size_t i = 0; o->map && i <= o->mask; i++) {
        if (!o->map[i].s)
            continue;
        size_t at = hash_pointer(o->map[i].s) & mask;
        while (map[at].s)
            at = (at + 1) & mask;
        map[at] = o->map[i];
    }
    free(o->map);
    o->map = map;
    o->mask = mask;
    return true;
}

static uint64_t string_index(struct out *o, const char *s)
{
    if (!s || !*s)
        return 0;
    if (o->n_strings >= o->cap_strings) {
        size_t cap = o->cap_strings ? o->cap_strings * 2 : 512;
        const char **strings = realloc(o->strings, cap * sizeof(*strings));
        if (!strings || !map_grow(o)) {
            o->strings = strings ? strings : o->strings;
            o->failed = true;
            return 0;
        }
        o->strings = strings;
        o->cap_strings = cap;
    }
    size_t at = hash_pointer(s) & o->mask;
    for (; o->map[at].s; at = (at + 1) & o->mask)
        if (o->map[at].s == s)
            return o->map[at].index;
    o->strings[o->n_strings++] = s;
    o->map[at].s = s;
    return o->map[at].index = o->n_strings;
}

static void put_numbers(struct out *o, unsigned field, const uint64_t *v, unsigned n)
{
    size_t size = 0;
    for (unsigned i = 0; i < n; i++)
        size += number_size(v[i]);
    put_head(o, field, size);
    for (unsigned i = 0; i < n; i++)
        put_number(o, i + 1, v[i]);
}

static void put_value_type(struct out *o, unsigned field, const struct ht_value_type *t)
{
    put_numbers(o, field, (uint64_t[]){string_index(o, t->type), string_index(o, t->unit)}, 2);
}

static size_t message_size(size_t body)
{
    return 1 + varint_size(body) + body;
}

static void put_sample(struct out *o, const struct ht_sample *s, size_t n_values)
{
    size_t ids = 0, values = 0, labels = 0;
    for (size_t i = 0; i < s->n_locations; i++)
        ids += varint_size(s->locations[i]->id);
    for (size_t i = 0; i < n_values; i++)
        values += varint_size((uint64_t)s->values[i]);
    for (size_t i = 0; i < s->n_labels; i++) {
        const struct ht_label *l = &s->labels[i];
        labels += message_size(number_size(string_index(o, l->key)) +
                               number_size(l->str ? string_index(o, l->str) : 0) +
                               number_size(l->str ? 0 : (uint64_t)l->num) +
                               number_size(l->str ? 0 : string_index(o, l->num_unit)));
    }
    size_t size = (ids ? message_size(ids) : 0) + (values ? message_size(values) : 0) + labels;
    put_head(o, 2, size);
    if (ids)
        put_head(o, 1, ids);
    for (size_t i = 0; i < s->n_locations; i++)
        put_varint(o, s->locations[i]->id);
    if (values)
        put_head(o, 2, values);
    for (size_t i = 0; i < n_values; i++)
        put_varint(o, (uint64_t)s->values[i]);
    for (size_t i = 0; i < s->n_labels; i++) {
        const struct ht_label *l = &s->labels[i];
        put_numbers(o, 3,
                    (uint64_t[]){string_index(o, l->key), l->str ? string_index(o, l->str) : 0,
                                 l->str ? 0 : (uint64_t)l->num,
                                 l->str ? 0 : string_index(o, l->num_unit)},
                    4);
    }
}

static void put_location(struct out *o, const struct ht_location *l)
{
    uint64_t head[3] = {l->id, l->mapping ? l->mapping->id : 0, l->address};
    size_t size = number_size(l->is_folded);
    for (int i = 0; i < 3; i++)
        size += number_size(head[i]);
    for (size_t i = 0; i < l->n_lines; i++) {
        const struct ht_line *ln = &l->lines[i];
        size += message_size(number_size(ln->function->id) + number_size((uint64_t)ln->line) +
                             number_size((uint64_t)ln->column));
    }
    put_head(o, 4, size);
    for (unsigned i = 0; i < 3; i++)
        put_number(o, i + 1, head[i]);
    for (size_t i = 0; i < l->n_lines; i++) {
        const struct ht_line *ln = &l->lines[i];
        put_numbers(o, 4, (uint64_t[]){ln->function->id, (uint64_t)ln->line, (uint64_t)ln->column},
                    3);
    }
    put_number(o, 5, l->is_folded);
}

/* A path may not be UTF-8, but a proto3 string must be. */
static void put_string(struct out *o, const char *s)
{
    size_t n = strlen(s), bad = 0;
    char *escaped = NULL;
    if (!ht_utf8_valid(s, n, &bad)) {
        escaped = malloc(4 * n + 1);
        if (!escaped) {
            o->failed = true;
            return;
        }
        n = ht_utf8_escape(s, n, escaped, 4 * n + 1);
    }
    put_head(o, 6, n);
    if (reserve(o, n)) {
        memcpy(o->data + o->size, escaped ? escaped : s, n);
        o->size += n;
    }
    free(escaped);
}

static void put_profile(struct out *o, const struct ht_profile *p)
{
    for (size_t i = 0; i < p->n_sample_types; i++)
        put_value_type(o, 1, &p->sample_types[i]);
    for (size_t i = 0; i < p->n_samples && !o->failed; i++)
        put_sample(o, &p->samples[i], p->n_sample_types);
    for (size_t i = 0; i < p->n_mappings; i++) {
        const struct ht_mapping *m = p->mappings[i];
        put_numbers(o, 3,
                    (uint64_t[]){m->id, m->start, m->limit, m->offset, string_index(o, m->file),
                                 string_index(o, m->build_id), m->has_functions, m->has_filenames,
                                 m->has_line_numbers, m->has_inline_frames},
                    10);
    }
    for (size_t i = 0; i < p->n_locations && !o->failed; i++)
        put_location(o, p->locations[i]);
    for (size_t i = 0; i < p->n_functions && !o->failed; i++) {
        const struct ht_function *f = p->functions[i];
        put_numbers(o, 5,
                    (uint64_t[]){f->id, string_index(o, f->name), string_index(o, f->system_name),
                                 string_index(o, f->filename), (uint64_t)f->start_line},
                    5);
    }
    put_number(o, 7, string_index(o, p->drop_frames));
    put_number(o, 8, string_index(o, p->keep_frames));
    put_number(o, 9, (uint64_t)p->time_nanos);
    put_number(o, 10, (uint64_t)p->duration_nanos);
    if (*p->period_type.type || *p->period_type.unit)
        put_value_type(o, 11, &p->period_type);
    put_number(o, 12, (uint64_t)p->period);
    for (size_t i = 0; i < p->n_comments; i++) {
        put_varint(o, 13 << 3);
        put_varint(o, string_index(o, p->comments[i]));
    }
    put_number(o, 14, string_index(o, p->default_sample_type));
    put_number(o, 15, string_index(o, p->doc_url));
    put_string(o, "");
    for (size_t i = 0; i < o->n_strings && !o->failed; i++)
        put_string(o, o->strings[i]);
}

static int compress_gzip(const uint8_t *data, size_t size, void **out, size_t *out_size)
{
    z_stream z = {0};
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return -ENOMEM;
    size_t cap = deflateBound(&z, size), in = 0, done = 0;
    uint8_t *buf = malloc(cap);
    int r = buf ? Z_OK : Z_MEM_ERROR;
    while (r == Z_OK) {
        size_t take = size - in > (1u << 30) ? 1u << 30 : size - in;
        size_t room = cap - done > (1u << 30) ? 1u << 30 : cap - done;
        z.next_in = (uint8_t *)(uintptr_t)data + in;
        z.avail_in = (uInt)take;
        z.next_out = buf + done;
        z.avail_out = (uInt)room;
        r = deflate(&z, in + take == size ? Z_FINISH : Z_NO_FLUSH);
        in += take - z.avail_in;
        done += room - z.avail_out;
    }
    deflateEnd(&z);
    if (r != Z_STREAM_END) {
        free(buf);
        return -ENOMEM;
    }
    *out = buf;
    *out_size = done;
    return 0;
}

int ht_profile_encode(const struct ht_profile *p, bool gzip, void **data, size_t *size)
{
    struct out o = {0};
    put_profile(&o, p);
    free(o.map);
    free(o.strings);
    int rc = o.failed ? -ENOMEM : 0;
    if (!rc && gzip) {
        rc = compress_gzip(o.data, o.size, data, size);
        free(o.data);
        return rc;
    }
    if (rc) {
        free(o.data);
        return rc;
    }
    *data = o.data;
    *size = o.size;
    return 0;
}

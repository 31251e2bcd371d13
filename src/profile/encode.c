/* SPDX-License-Identifier: MIT */
/* The model into profile.proto. Written by hand, straight into the encoder's buffer, so that a
 * profile of a million samples is not in memory twice. */
#include "config.h"

#include "profile/encode.h"

#include <stdlib.h>
#include <string.h>

#include "util/utf8.h"

static size_t varint_size(uint64_t v)
{
    return ((size_t)(63 - __builtin_clzll(v | 1)) * 9 + 73) / 64;
}

static void put_varint(struct ht_encoder *e, uint64_t v)
{
    if (!ht_encoder_reserve(e, 10))
        return;
    uint8_t *p = e->data + e->size;
    for (; v >= 0x80; v >>= 7)
        *p++ = (uint8_t)(v | 0x80);
    *p++ = (uint8_t)v;
    e->size = (size_t)(p - e->data);
}

static void put_number(struct ht_encoder *e, unsigned field, uint64_t v)
{
    if (!v)
        return;
    put_varint(e, field << 3);
    put_varint(e, v);
}

static size_t number_size(uint64_t v)
{
    return v ? 1 + varint_size(v) : 0; /* fields below 16 have a tag of one byte */
}

static void put_head(struct ht_encoder *e, unsigned field, size_t size)
{
    put_varint(e, field << 3 | 2);
    put_varint(e, size);
}

static void put_numbers(struct ht_encoder *e, unsigned field, const uint64_t *v, unsigned n)
{
    size_t size = 0;
    for (unsigned i = 0; i < n; i++)
        size += number_size(v[i]);
    put_head(e, field, size);
    for (unsigned i = 0; i < n; i++)
        put_number(e, i + 1, v[i]);
}

static void put_value_type(struct ht_encoder *e, unsigned field, const struct ht_value_type *t)
{
    put_numbers(e, field,
                (uint64_t[]){ht_encoder_string(e, t->type), ht_encoder_string(e, t->unit)}, 2);
}

static size_t message_size(size_t body)
{
    return 1 + varint_size(body) + body;
}

static void put_sample(struct ht_encoder *e, const struct ht_sample *s, size_t n_values)
{
    size_t ids = 0, values = 0, labels = 0;
    for (size_t i = 0; i < s->n_locations; i++)
        ids += varint_size(s->locations[i]->id);
    for (size_t i = 0; i < n_values; i++)
        values += varint_size((uint64_t)s->values[i]);
    for (size_t i = 0; i < s->n_labels; i++) {
        const struct ht_label *l = &s->labels[i];
        labels += message_size(number_size(ht_encoder_string(e, l->key)) +
                               number_size(l->str ? ht_encoder_string(e, l->str) : 0) +
                               number_size(l->str ? 0 : (uint64_t)l->num) +
                               number_size(l->str ? 0 : ht_encoder_string(e, l->num_unit)));
    }
    size_t size = (ids ? message_size(ids) : 0) + (values ? message_size(values) : 0) + labels;
    put_head(e, 2, size);
    if (ids)
        put_head(e, 1, ids);
    for (size_t i = 0; i < s->n_locations; i++)
        put_varint(e, s->locations[i]->id);
    if (values)
        put_head(e, 2, values);
    for (size_t i = 0; i < n_values; i++)
        put_varint(e, (uint64_t)s->values[i]);
    for (size_t i = 0; i < s->n_labels; i++) {
        const struct ht_label *l = &s->labels[i];
        put_numbers(e, 3,
                    (uint64_t[]){ht_encoder_string(e, l->key),
                                 l->str ? ht_encoder_string(e, l->str) : 0,
                                 l->str ? 0 : (uint64_t)l->num,
                                 l->str ? 0 : ht_encoder_string(e, l->num_unit)},
                    4);
    }
}

static void put_location(struct ht_encoder *e, const struct ht_location *l)
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
    put_head(e, 4, size);
    for (unsigned i = 0; i < 3; i++)
        put_number(e, i + 1, head[i]);
    for (size_t i = 0; i < l->n_lines; i++) {
        const struct ht_line *ln = &l->lines[i];
        put_numbers(e, 4, (uint64_t[]){ln->function->id, (uint64_t)ln->line, (uint64_t)ln->column},
                    3);
    }
    put_number(e, 5, l->is_folded);
}

/* A path may not be UTF-8, but a proto3 string must be. */
static void put_string(struct ht_encoder *e, const char *s)
{
    size_t n = strlen(s), bad = 0;
    char *escaped = NULL;
    if (!ht_utf8_valid(s, n, &bad)) {
        escaped = malloc(4 * n + 1);
        if (!escaped) {
            e->failed = true;
            return;
        }
        n = ht_utf8_escape(s, n, escaped, 4 * n + 1);
    }
    put_head(e, 6, n);
    if (ht_encoder_reserve(e, n)) {
        memcpy(e->data + e->size, escaped ? escaped : s, n);
        e->size += n;
    }
    free(escaped);
}

void ht_encode_types(struct ht_encoder *e, const struct ht_profile *p)
{
    for (size_t i = 0; i < p->n_sample_types; i++)
        put_value_type(e, 1, &p->sample_types[i]);
}

void ht_encode_samples(struct ht_encoder *e, const struct ht_profile *p)
{
    for (size_t i = 0; i < p->n_samples && !e->failed; i++) {
        put_sample(e, &p->samples[i], p->n_sample_types);
        ht_encoder_pack(e);
    }
}

static void put_mapping(struct ht_encoder *e, const struct ht_mapping *m)
{
    put_numbers(e, 3,
                (uint64_t[]){m->id, m->start, m->limit, m->offset, ht_encoder_string(e, m->file),
                             ht_encoder_string(e, m->build_id), m->has_functions, m->has_filenames,
                             m->has_line_numbers, m->has_inline_frames},
                10);
}

static void put_function(struct ht_encoder *e, const struct ht_function *f)
{
    put_numbers(e, 5,
                (uint64_t[]){f->id, ht_encoder_string(e, f->name),
                             ht_encoder_string(e, f->system_name),
                             ht_encoder_string(e, f->filename), (uint64_t)f->start_line},
                5);
}

void ht_encode_rest(struct ht_encoder *e, const struct ht_profile *p)
{
    for (size_t i = 0; i < p->n_mappings; i++)
        put_mapping(e, p->mappings[i]);
    for (size_t i = 0; i < p->n_locations && !e->failed; i++) {
        put_location(e, p->locations[i]);
        ht_encoder_pack(e);
    }
    for (size_t i = 0; i < p->n_functions && !e->failed; i++) {
        put_function(e, p->functions[i]);
        ht_encoder_pack(e);
    }
    put_number(e, 7, ht_encoder_string(e, p->drop_frames));
    put_number(e, 8, ht_encoder_string(e, p->keep_frames));
    put_number(e, 9, (uint64_t)p->time_nanos);
    put_number(e, 10, (uint64_t)p->duration_nanos);
    if (*p->period_type.type || *p->period_type.unit)
        put_value_type(e, 11, &p->period_type);
    put_number(e, 12, (uint64_t)p->period);
    for (size_t i = 0; i < p->n_comments; i++) {
        put_varint(e, 13 << 3);
        put_varint(e, ht_encoder_string(e, p->comments[i]));
    }
    put_number(e, 14, ht_encoder_string(e, p->default_sample_type));
    put_number(e, 15, ht_encoder_string(e, p->doc_url));
    put_string(e, "");
    for (size_t i = 0; i < e->n_strings && !e->failed; i++) {
        put_string(e, e->strings[i]);
        ht_encoder_pack(e);
    }
}

int ht_profile_encode(const struct ht_profile *p, bool gzip, void **data, size_t *size)
{
    struct ht_encoder e;
    ht_encoder_begin(&e, gzip);
    ht_encode_types(&e, p);
    ht_encode_samples(&e, p);
    ht_encode_rest(&e, p);
    return ht_encoder_finish(&e, data, size);
}

/* SPDX-License-Identifier: MIT */
/*
 * profile.proto into the model, in one pass over the bytes and one over the objects. Strings and
 * ids may come before what they name, so that until the second pass a pointer field holds the
 * index or id that the file gave.
 */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/idmap.h"
#include "profile/store.h"
#include "profile/utf8.h"
#include "profile/wire.h"

/* Profiles have one to six. */
#define SAMPLE_TYPES_LIMIT 4096

/* Growable scratch, reused from message to message. */
struct scratch {
    uint64_t *v;
    size_t n, cap;
};

struct decoder {
    struct ht_profile *p;
    const uint8_t *base; /* for offsets in messages */
    struct scratch locations, values, labels;
    struct scratch early; /* counts of values of samples that came before their types */
    bool typed; /* a sample has come that was held to the types */
    struct scratch strings; /* const char * of each index */
    struct scratch comments;
    struct scratch types; /* pairs of indices */
    uint64_t drop, keep, dflt, doc, period_type, period_unit;
    struct ht_idmap mappings, functions, locs;
    int err;
    char *msg;
    size_t msg_size;
};

static bool fail(struct decoder *d, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static bool fail(struct decoder *d, int err, const char *fmt, ...)
{
    if (d->err)
        return false;
    d->err = err;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(d->msg, d->msg_size, fmt, ap);
    va_end(ap);
    return false;
}

static bool no_memory(struct decoder *d)
{
    return fail(d, -ENOMEM, "it needs more memory than there is or than %zu GiB",
                HT_PROFILE_MEMORY_LIMIT >> 30);
}

static bool malformed(struct decoder *d, const uint8_t *at, const char *what)
{
    return fail(d, -EINVAL, "malformed %s at byte %zu", what, (size_t)(at - d->base));
}

static inline bool push(struct decoder *d, struct scratch *s, uint64_t value)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 64;
        uint64_t *v = cap > HT_PROFILE_MEMORY_LIMIT / 8 ? NULL : realloc(s->v, cap * sizeof(*v));
        if (!v)
            return no_memory(d);
        s->v = v;
        s->cap = cap;
    }
    s->v[s->n++] = value;
    return true;
}

/* A repeated number, packed or not. */
static inline bool push_numbers(struct decoder *d, struct scratch *s, const struct ht_field *f)
{
    if (f->type == HT_WIRE_VARINT)
        return push(d, s, f->value);
    if (f->type != HT_WIRE_BYTES)
        return malformed(d, d->base, "repeated number");
    struct ht_wire w = f->body;
    while (w.at < w.end) {
        uint64_t v;
        if (!ht_wire_varint(&w, &v))
            return malformed(d, w.at, "packed number");
        if (!push(d, s, v))
            return false;
    }
    return true;
}

static const char *index_as_string(uint64_t index)
{
    return (const char *)(uintptr_t)index;
}

/* Walks a message whose numbered fields 1..n are all single numbers. */
static bool read_numbers(struct decoder *d, struct ht_wire w, uint64_t *out, unsigned n,
                         const char *what)
{
    memset(out, 0, (n + 1) * sizeof(*out));
    while (w.at < w.end) {
        struct ht_field f;
        if (!ht_wire_field(&w, &f))
            return malformed(d, w.at, what);
        if (f.number == 0 || f.number > n)
            continue;
        if (f.type != HT_WIRE_VARINT)
            return malformed(d, w.at, what);
        out[f.number] = f.value;
    }
    return true;
}

static bool read_sample(struct decoder *d, struct ht_wire w)
{
    struct ht_profile *p = d->p;
    d->locations.n = d->values.n = d->labels.n = 0;
    while (w.at < w.end) {
        struct ht_field f;
        if (!ht_wire_field(&w, &f))
            return malformed(d, w.at, "sample");
        if (f.number == 1) {
            if (!push_numbers(d, &d->locations, &f))
                return false;
        } else if (f.number == 2) {
            if (!push_numbers(d, &d->values, &f))
                return false;
        } else if (f.number == 3) {
            uint64_t l[5];
            if (f.type != HT_WIRE_BYTES)
                return malformed(d, w.at, "label");
            if (!read_numbers(d, f.body, l, 4, "label"))
                return false;
            if (!l[2] && !l[3] && !l[4])
                continue; /* says nothing; pprof drops it too */
            for (int i = 1; i <= 4; i++)
                if (!push(d, &d->labels, l[i]))
                    return false;
        }
    }
    /* Types come first in every writer's files: refuse before memory is spent. */
    size_t n_types = d->types.n / 2;
    if (!n_types && !push(d, &d->early, d->values.n))
        return false;
    d->typed = d->typed || n_types;
    if (n_types && d->values.n != n_types)
        return fail(d, -EINVAL, "sample %zu at byte %zu has %zu values for %zu sample types",
                    p->n_samples + 1, (size_t)(w.end - d->base), d->values.n, n_types);

    struct ht_sample *s = ht_profile_push_sample(p);
    if (!s)
        return no_memory(d);
    s->n_locations = d->locations.n;
    s->n_labels = d->labels.n / 4;
    uint64_t *words = ht_profile_alloc_words(p, d->locations.n + d->values.n);
    if (!words)
        return no_memory(d);
    s->locations = (struct ht_location **)words;
    s->values = (int64_t *)(words + d->locations.n);
    if (d->locations.n)
        memcpy(words, d->locations.v, d->locations.n * 8);
    if (d->values.n)
        memcpy(s->values, d->values.v, d->values.n * 8);
    if (s->n_labels) {
        s->labels = ht_profile_alloc(p, s->n_labels * sizeof(*s->labels));
        if (!s->labels)
            return no_memory(d);
        for (size_t i = 0; i < s->n_labels; i++) {
            const uint64_t *l = d->labels.v + i * 4;
            s->labels[i] = (struct ht_label){index_as_string(l[0]), index_as_string(l[1]),
                                             (int64_t)l[2], index_as_string(l[3])};
        }
    }
    return true;
}

static bool read_mapping(struct decoder *d, struct ht_wire w)
{
    uint64_t v[11];
    if (!read_numbers(d, w, v, 10, "mapping"))
        return false;
    struct ht_mapping *m = ht_profile_add_mapping(d->p);
    if (!m)
        return no_memory(d);
    m->id = v[1];
    m->start = v[2];
    m->limit = v[3];
    m->offset = v[4];
    m->file = index_as_string(v[5]);
    m->build_id = index_as_string(v[6]);
    m->has_functions = v[7] != 0;
    m->has_filenames = v[8] != 0;
    m->has_line_numbers = v[9] != 0;
    m->has_inline_frames = v[10] != 0;
    return true;
}

static bool read_function(struct decoder *d, struct ht_wire w)
{
    uint64_t v[6];
    if (!read_numbers(d, w, v, 5, "function"))
        return false;
    struct ht_function *f = ht_profile_add_function(d->p);
    if (!f)
        return no_memory(d);
    f->id = v[1];
    f->name = index_as_string(v[2]);
    f->system_name = index_as_string(v[3]);
    f->filename = index_as_string(v[4]);
    f->start_line = (int64_t)v[5];
    return true;
}

static bool read_location(struct decoder *d, struct ht_wire w)
{
    struct ht_location *l = ht_profile_add_location(d->p);
    if (!l)
        return no_memory(d);
    l->id = 0;
    struct scratch *lines = &d->labels; /* free between samples */
    lines->n = 0;
    while (w.at < w.end) {
        struct ht_field f;
        if (!ht_wire_field(&w, &f) || (f.number == 4 && f.type != HT_WIRE_BYTES) ||
            ((f.number - 1 < 3 || f.number == 5) && f.type != HT_WIRE_VARINT))
            return malformed(d, w.at, "location");
        switch (f.number) {
        case 1:
            l->id = f.value;
            break;
        case 2:
            l->mapping = (struct ht_mapping *)(uintptr_t)f.value;
            break;
        case 3:
            l->address = f.value;
            break;
        case 4: {
            uint64_t v[4];
            if (!read_numbers(d, f.body, v, 3, "line") || !push(d, lines, v[1]) ||
                !push(d, lines, v[2]) || !push(d, lines, v[3]))
                return false;
            break;
        }
        case 5:
            l->is_folded = f.value != 0;
            break;
        }
    }
    l->n_lines = lines->n / 3;
    if (!l->n_lines)
        return true;
    l->lines = ht_profile_alloc(d->p, l->n_lines * sizeof(*l->lines));
    if (!l->lines)
        return no_memory(d);
    for (size_t i = 0; i < l->n_lines; i++) {
        const uint64_t *v = lines->v + i * 3;
        l->lines[i] = (struct ht_line){(struct ht_function *)(uintptr_t)v[0], (int64_t)v[1],
                                       (int64_t)v[2]};
    }
    return true;
}

static bool read_string(struct decoder *d, struct ht_wire w)
{
    size_t n = (size_t)(w.end - w.at), bad;
    if (!d->strings.n && n)
        return fail(d, -EINVAL, "string_table[0] is not empty");
    if (!ht_utf8_valid((const char *)w.at, n, &bad))
        return fail(d, -EINVAL, "string %zu is not valid UTF-8 text at byte %zu", d->strings.n,
                    (size_t)(w.at - d->base) + bad);
    const char *s = ht_profile_strn(d->p, (const char *)w.at, n);
    if (!s)
        return no_memory(d);
    return push(d, &d->strings, (uintptr_t)s);
}

static bool read_profile(struct decoder *d, struct ht_wire w)
{
    struct ht_profile *p = d->p;
    while (w.at < w.end) {
        struct ht_field f;
        const uint8_t *start = w.at;
        if (!ht_wire_field(&w, &f))
            return malformed(d, w.at, "field");
        bool message = (f.number >= 1 && f.number <= 6) || f.number == 11;
        bool number = f.number >= 7 && f.number <= 15 && f.number != 11 && f.number != 13;
        if ((message && f.type != HT_WIRE_BYTES) || (number && f.type != HT_WIRE_VARINT))
            return malformed(d, start, "field");
        uint64_t v[3];
        bool ok = true;
        switch (f.number) {
        case 1:
            if (d->typed)
                return fail(d, -EINVAL,
                            "concatenated profiles, or sample types between samples, at byte %zu",
                            (size_t)(start - d->base));
            if (d->types.n / 2 >= SAMPLE_TYPES_LIMIT)
                return fail(d, -EINVAL, "more than %d sample types", SAMPLE_TYPES_LIMIT);
            ok = read_numbers(d, f.body, v, 2, "sample type") && push(d, &d->types, v[1]) &&
                 push(d, &d->types, v[2]);
            break;
        case 2:
            ok = read_sample(d, f.body);
            break;
        case 3:
            ok = read_mapping(d, f.body);
            break;
        case 4:
            ok = read_location(d, f.body);
            break;
        case 5:
            ok = read_function(d, f.body);
            break;
        case 6:
            ok = read_string(d, f.body);
            break;
        case 7:
            d->drop = f.value;
            break;
        case 8:
            d->keep = f.value;
            break;
        case 9:
            if (p->time_nanos)
                return fail(d, -EINVAL,
                            "concatenated profiles: a second one starts before byte %zu",
                            (size_t)(start - d->base));
            p->time_nanos = (int64_t)f.value;
            break;
        case 10:
            p->duration_nanos = (int64_t)f.value;
            break;
        case 11:
            ok = read_numbers(d, f.body, v, 2, "period type");
            d->period_type = v[1];
            d->period_unit = v[2];
            break;
        case 12:
            p->period = (int64_t)f.value;
            break;
        case 13:
            ok = push_numbers(d, &d->comments, &f);
            break;
        case 14:
            d->dflt = f.value;
            break;
        case 15:
            d->doc = f.value;
            break;
        }
        if (!ok)
            return false;
    }
    return true;
}

/* From here on: the second pass. */

static bool resolve_string(struct decoder *d, const char **s)
{
    uint64_t i = (uint64_t)(uintptr_t)*s;
    if (i >= d->strings.n)
        return fail(d, -EINVAL, "string index %lld is outside the table of %zu strings",
                    (long long)i, d->strings.n);
    *s = (const char *)(uintptr_t)d->strings.v[i];
    return true;
}

static bool resolve_number(struct decoder *d, uint64_t index, const char **s)
{
    *s = index_as_string(index);
    return resolve_string(d, s);
}

static bool put_id(struct decoder *d, struct ht_idmap *map, uint64_t id, void *object,
                   const char *what)
{
    if (ht_idmap_put(map, id, object))
        return true;
    if (!id)
        return fail(d, -EINVAL, "a %s has the reserved id 0", what);
    if (!ht_idmap_get(map, id))
        return no_memory(d);
    return fail(d, -EINVAL, "two %ss have the id %llu", what, (unsigned long long)id);
}

static bool resolve_location(struct decoder *d, struct ht_location *l)
{
    uint64_t id = (uint64_t)(uintptr_t)l->mapping;
    l->mapping = id ? ht_idmap_get(&d->mappings, id) : NULL;
    if (id && !l->mapping)
        return fail(d, -EINVAL, "location %llu names mapping %llu, which is not there",
                    (unsigned long long)l->id, (unsigned long long)id);
    for (size_t i = 0; i < l->n_lines; i++) {
        id = (uint64_t)(uintptr_t)l->lines[i].function;
        l->lines[i].function = ht_idmap_get(&d->functions, id);
        if (!l->lines[i].function)
            return fail(d, -EINVAL, "location %llu names function %llu, which is not there",
                        (unsigned long long)l->id, (unsigned long long)id);
    }
    return put_id(d, &d->locs, l->id, l, "location");
}

static bool resolve_sample(struct decoder *d, struct ht_sample *s)
{
    for (size_t i = 0; i < s->n_locations; i++) {
        uint64_t id = (uint64_t)(uintptr_t)s->locations[i];
        s->locations[i] = ht_idmap_get(&d->locs, id);
        if (!s->locations[i])
            return fail(d, -EINVAL, "sample %zu names location %llu, which is not there",
                        (size_t)(s - d->p->samples) + 1, (unsigned long long)id);
    }
    for (size_t i = 0; i < s->n_labels; i++) {
        struct ht_label *l = &s->labels[i];
        bool text = l->str != NULL;
        if (!resolve_string(d, &l->key) || !resolve_string(d, &l->num_unit) ||
            (text && !resolve_string(d, &l->str)))
            return false;
        if (text)
            l->num = 0;
    }
    return ht_labels_sort(s->labels, s->n_labels) ? no_memory(d) : true;
}

static bool resolve_header(struct decoder *d)
{
    struct ht_profile *p = d->p;
    for (size_t i = 0; i < d->types.n; i += 2) {
        const char *type, *unit;
        if (!resolve_number(d, d->types.v[i], &type) ||
            !resolve_number(d, d->types.v[i + 1], &unit))
            return false;
        if (ht_profile_add_sample_type(p, type, unit))
            return no_memory(d);
    }
    for (size_t i = 0; i < d->comments.n; i++) {
        const char *s;
        if (!resolve_number(d, d->comments.v[i], &s))
            return false;
        if (ht_profile_add_comment(p, s))
            return no_memory(d);
    }
    return resolve_number(d, d->drop, &p->drop_frames) &&
           resolve_number(d, d->keep, &p->keep_frames) &&
           resolve_number(d, d->dflt, &p->default_sample_type) &&
           resolve_number(d, d->doc, &p->doc_url) &&
           resolve_number(d, d->period_type, &p->period_type.type) &&
           resolve_number(d, d->period_unit, &p->period_type.unit);
}

/* Samples that came before their types (d->lines has their counts of values). */
static bool check_early_samples(struct decoder *d)
{
    for (size_t i = 0; i < d->early.n; i++)
        if (d->early.v[i] != d->p->n_sample_types || !d->p->n_sample_types)
            return fail(d, -EINVAL, "sample %zu has %zu values for %zu sample types", i + 1,
                        (size_t)d->early.v[i], d->p->n_sample_types);
    return true;
}

static bool resolve(struct decoder *d)
{
    struct ht_profile *p = d->p;
    if (!resolve_header(d) || !check_early_samples(d))
        return false;
    if (ht_idmap_init(&d->mappings, p->n_mappings) ||
        ht_idmap_init(&d->functions, p->n_functions) || ht_idmap_init(&d->locs, p->n_locations))
        return no_memory(d);
    for (size_t i = 0; i < p->n_mappings; i++) {
        struct ht_mapping *m = p->mappings[i];
        if (!resolve_string(d, &m->file) || !resolve_string(d, &m->build_id) ||
            !put_id(d, &d->mappings, m->id, m, "mapping"))
            return false;
        ht_profile_note_ids(p, m->id, 0, 0);
    }
    for (size_t i = 0; i < p->n_functions; i++) {
        struct ht_function *f = p->functions[i];
        if (!resolve_string(d, &f->name) || !resolve_string(d, &f->system_name) ||
            !resolve_string(d, &f->filename) || !put_id(d, &d->functions, f->id, f, "function"))
            return false;
        ht_profile_note_ids(p, 0, 0, f->id);
    }
    for (size_t i = 0; i < p->n_locations; i++) {
        if (!resolve_location(d, p->locations[i]))
            return false;
        ht_profile_note_ids(p, 0, p->locations[i]->id, 0);
    }
    for (size_t i = 0; i < p->n_samples; i++)
        if (!resolve_sample(d, &p->samples[i]))
            return false;
    return true;
}

static struct ht_profile *decode_proto(const void *data, size_t size, int *err, char *msg,
                                       size_t msg_size)
{
    struct decoder d = {.p = ht_profile_create(), .base = data, .msg = msg, .msg_size = msg_size};
    struct ht_wire all = {d.base, d.base + size};
    bool ok = d.p ? read_profile(&d, all) && resolve(&d) : no_memory(&d);
    ht_idmap_finish(&d.mappings);
    ht_idmap_finish(&d.functions);
    ht_idmap_finish(&d.locs);
    free(d.locations.v);
    free(d.values.v);
    free(d.labels.v);
    free(d.early.v);
    free(d.strings.v);
    free(d.comments.v);
    free(d.types.v);
    if (ok)
        return d.p;
    ht_profile_destroy(d.p);
    *err = d.err;
    return NULL;
}

/* A proto's first message has bytes that no text has (0x08 is the tag of every first field). */
static bool is_text(const uint8_t *b, size_t size)
{
    for (size_t i = 0; i < size && i < 64; i++)
        if ((b[i] < ' ' || b[i] > '~') && b[i] != '\t' && b[i] != '\n' && b[i] != '\r')
            return false;
    return true;
}

struct ht_profile *ht_profile_decode(const void *data, size_t size, int *err, char *msg,
                                     size_t msg_size)
{
    const uint8_t *b = data;
    void *plain = NULL;
    if (size >= 2 && b[0] == 0x1f && b[1] == 0x8b) {
        int rc = ht_inflate(data, size, &plain, &size, msg, msg_size);
        if (rc) {
            *err = rc;
            return NULL;
        }
        data = plain;
    }
    struct ht_profile *p = NULL;
    if (!size) {
        *err = -EINVAL;
        snprintf(msg, msg_size, "it is empty");
    } else if (ht_legacy_is(data, size)) {
        p = ht_legacy_decode(data, size, err, msg, msg_size);
    } else if (is_text(data, size)) {
        *err = -EINVAL;
        snprintf(msg, msg_size, "it is text, but not a heap profile's");
    } else {
        p = decode_proto(data, size, err, msg, msg_size);
    }
    free(plain);
    return p;
}

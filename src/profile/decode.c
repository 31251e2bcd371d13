/* SPDX-License-Identifier: MIT */
/*
 * profile.proto into the model, in one pass over the bytes and one over the objects. Strings and
 * ids may come before what they name, so that until the second pass a pointer field holds the
 * index or id that the file gave.
 */
#include "config.h"

#include "profile/decode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/wire.h"
#include "util/utf8.h"

/* Profiles have one to six. */
#define SAMPLE_TYPES_LIMIT 4096

static bool malformed(struct ht_decoder *d, const uint8_t *at, const char *what)
{
    return ht_decode_fail(d, -EINVAL, "malformed %s at byte %zu", what, ht_decode_at(d, at));
}

static inline bool push(struct ht_decoder *d, struct ht_scratch *s, uint64_t value)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 64;
        uint64_t *v = cap > HT_PROFILE_MEMORY_LIMIT / 8 ? NULL : realloc(s->v, cap * sizeof(*v));
        if (!v)
            return ht_decode_no_memory(d);
        s->v = v;
        s->cap = cap;
    }
    s->v[s->n++] = value;
    return true;
}

/* A repeated number, packed or not. */
static inline bool push_numbers(struct ht_decoder *d, struct ht_scratch *s,
                                const struct ht_field *f)
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

/* Walks a message whose numbered fields 1..n are all single numbers. */
static bool read_numbers(struct ht_decoder *d, struct ht_wire w, uint64_t *out, unsigned n,
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

/* The labels in the scratch: of each, four numbers become a label with indices for strings. */
static void make_labels(struct ht_decoder *d)
{
    for (size_t i = 0; i < d->labels.n; i += 4)
        memcpy(d->labels.v + i,
               &(struct ht_label){
                   ht_index_as_string(d->labels.v[i]), ht_index_as_string(d->labels.v[i + 1]),
                   (int64_t)d->labels.v[i + 2], ht_index_as_string(d->labels.v[i + 3])},
               sizeof(struct ht_label));
}

/* The sample in the scratch. */
static bool keep_sample(struct ht_decoder *d)
{
    struct ht_profile *p = d->p;
    bool stack_again, labels_again;
    struct ht_sample *s = ht_profile_push_sample(p);
    if (!s)
        return ht_decode_no_memory(d);
    if (p->n_samples > d->cap_shares) {
        size_t cap = d->cap_shares ? d->cap_shares * 2 : 1024;
        uint8_t *more = realloc(d->shares, cap);
        if (!more)
            return ht_decode_no_memory(d);
        d->shares = more;
        d->cap_shares = cap;
    }
    make_labels(d);
    s->locations = (struct ht_location **)ht_share_words(&d->stacks, p, d->locations.v,
                                                         d->locations.n, &stack_again);
    s->labels = (struct ht_label *)ht_share_words(&d->label_sets, p, d->labels.v, d->labels.n,
                                                  &labels_again);
    s->values = (int64_t *)ht_profile_alloc_words(p, d->values.n);
    if (!s->locations || !s->labels || !s->values)
        return ht_decode_no_memory(d);
    s->n_locations = (uint32_t)d->locations.n;
    s->n_labels = (uint32_t)(d->labels.n / 4);
    if (d->values.n)
        memcpy(s->values, d->values.v, d->values.n * 8);
    d->shares[p->n_samples - 1] =
        (stack_again ? HT_SHARES_STACK : 0) | (labels_again ? HT_SHARES_LABELS : 0);
    return true;
}

/* A sample into the scratch. */
static bool scan_sample(struct ht_decoder *d, struct ht_wire w)
{
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
                continue; /* an empty label; pprof drops it too */
            for (int i = 1; i <= 4; i++)
                if (!push(d, &d->labels, l[i]))
                    return false;
        }
    }
    return true;
}

static bool wrong_values(struct ht_decoder *d, const uint8_t *end, size_t number, size_t types)
{
    return ht_decode_fail(d, -EINVAL, "sample %zu at byte %zu has %zu values for %zu sample types",
                          number, ht_decode_at(d, end), d->values.n, types);
}

static bool read_sample(struct ht_decoder *d, struct ht_wire w)
{
    /* Every writer puts types first, so a wrong number of values is refused before memory is
     * used. */
    size_t n_types = d->types.n / 2;
    d->typed = d->typed || n_types;
    if (d->tables_only)
        return true;
    if (!scan_sample(d, w) || (!n_types && !push(d, &d->early, d->values.n)))
        return false;
    if (n_types && d->values.n != n_types)
        return wrong_values(d, w.end, d->p->n_samples + 1, n_types);
    return keep_sample(d);
}

/* Gives the sample away without keeping it. */
static bool give_sample(struct ht_decoder *d, struct ht_wire w)
{
    if (!scan_sample(d, w))
        return false;
    d->taken++;
    if (d->values.n != d->p->n_sample_types || !d->values.n)
        return wrong_values(d, w.end, d->taken, d->p->n_sample_types);
    make_labels(d);
    struct ht_sample s = {
        .locations = (struct ht_location **)d->locations.v,
        .values = (int64_t *)d->values.v,
        .labels = (struct ht_label *)d->labels.v,
        .n_locations = (uint32_t)d->locations.n,
        .n_labels = (uint32_t)(d->labels.n / 4),
    };
    if (!ht_decode_resolve_one(d, &s))
        return false;
    int err = d->take(d->ctx, &s);
    if (err && !d->err)
        d->err = err;
    return !err;
}

bool ht_decode_samples(struct ht_decoder *d, struct ht_wire *bytes, bool last)
{
    struct ht_wire w = *bytes;
    while (w.at < w.end) {
        struct ht_field f;
        bytes->at = w.at;
        if (!ht_wire_field(&w, &f))
            return last ? malformed(d, w.at, "field") : true;
        if (f.number == 2 && (f.type != HT_WIRE_BYTES || !give_sample(d, f.body)))
            return f.type != HT_WIRE_BYTES ? malformed(d, bytes->at, "field") : false;
    }
    bytes->at = w.at;
    return true;
}

static bool read_mapping(struct ht_decoder *d, struct ht_wire w)
{
    uint64_t v[11];
    if (!read_numbers(d, w, v, 10, "mapping"))
        return false;
    struct ht_mapping *m = ht_profile_add_mapping(d->p);
    if (!m)
        return ht_decode_no_memory(d);
    m->id = v[1];
    m->start = v[2];
    m->limit = v[3];
    m->offset = v[4];
    m->file = ht_index_as_string(v[5]);
    m->build_id = ht_index_as_string(v[6]);
    m->has_functions = v[7] != 0;
    m->has_filenames = v[8] != 0;
    m->has_line_numbers = v[9] != 0;
    m->has_inline_frames = v[10] != 0;
    return true;
}

static bool read_function(struct ht_decoder *d, struct ht_wire w)
{
    uint64_t v[6];
    if (!read_numbers(d, w, v, 5, "function"))
        return false;
    struct ht_function *f = ht_profile_add_function(d->p);
    if (!f)
        return ht_decode_no_memory(d);
    f->id = v[1];
    f->name = ht_index_as_string(v[2]);
    f->system_name = ht_index_as_string(v[3]);
    f->filename = ht_index_as_string(v[4]);
    f->start_line = (int64_t)v[5];
    return true;
}

static bool read_location(struct ht_decoder *d, struct ht_wire w)
{
    struct ht_location *l = ht_profile_add_location(d->p);
    if (!l)
        return ht_decode_no_memory(d);
    l->id = 0;
    struct ht_scratch *lines = &d->labels; /* free between samples */
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
        return ht_decode_no_memory(d);
    for (size_t i = 0; i < l->n_lines; i++) {
        const uint64_t *v = lines->v + i * 3;
        l->lines[i] =
            (struct ht_line){(struct ht_function *)(uintptr_t)v[0], (int64_t)v[1], (int64_t)v[2]};
    }
    return true;
}

static bool read_string(struct ht_decoder *d, struct ht_wire w)
{
    size_t n = (size_t)(w.end - w.at), bad;
    if (!d->strings.n && n)
        return ht_decode_fail(d, -EINVAL, "string_table[0] is not empty");
    if (!ht_utf8_valid((const char *)w.at, n, &bad))
        return ht_decode_fail(d, -EINVAL, "string %zu is not valid UTF-8 text at byte %zu",
                              d->strings.n, ht_decode_at(d, w.at) + bad);
    const char *s = ht_profile_strn(d->p, (const char *)w.at, n);
    if (!s)
        return ht_decode_no_memory(d);
    return push(d, &d->strings, (uintptr_t)s);
}

bool ht_decode_fields(struct ht_decoder *d, struct ht_wire *bytes, bool last)
{
    struct ht_profile *p = d->p;
    struct ht_wire w = *bytes;
    while (w.at < w.end) {
        struct ht_field f;
        const uint8_t *start = w.at;
        bytes->at = start;
        if (!ht_wire_field(&w, &f))
            return last ? malformed(d, w.at, "field") : true;
        bool message = (f.number >= 1 && f.number <= 6) || f.number == 11;
        bool number = f.number >= 7 && f.number <= 15 && f.number != 11 && f.number != 13;
        if ((message && f.type != HT_WIRE_BYTES) || (number && f.type != HT_WIRE_VARINT))
            return malformed(d, start, "field");
        uint64_t v[3];
        bool ok = true;
        switch (f.number) {
        case 1:
            if (d->typed)
                return ht_decode_fail(
                    d, -EINVAL,
                    "concatenated profiles, or sample types between samples, at byte %zu",
                    ht_decode_at(d, start));
            if (d->types.n / 2 >= SAMPLE_TYPES_LIMIT)
                return ht_decode_fail(d, -EINVAL, "more than %d sample types", SAMPLE_TYPES_LIMIT);
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
                return ht_decode_fail(d, -EINVAL,
                                      "concatenated profiles: a second one starts before byte %zu",
                                      ht_decode_at(d, start));
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
    bytes->at = w.at;
    return true;
}

void ht_decode_finish(struct ht_decoder *d)
{
    ht_idmap_finish(&d->mappings);
    ht_idmap_finish(&d->functions);
    ht_idmap_finish(&d->locs);
    ht_share_finish(&d->stacks);
    ht_share_finish(&d->label_sets);
    free(d->shares);
    free(d->locations.v);
    free(d->values.v);
    free(d->labels.v);
    free(d->early.v);
    free(d->strings.v);
    free(d->comments.v);
    free(d->types.v);
}

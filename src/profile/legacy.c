/* SPDX-License-Identifier: MIT */
/*
 * Text heap profiles: gperftools', Go's debug=1 (google/pprof's profile/legacy_profile.go says how
 * they are read) and jemalloc's (its bin/jeprof does). Addresses are return addresses; counts are
 * those of the sampled objects and are scaled here by their mean size, unless the tag says that
 * they are whole.
 */
#include "config.h"

#include "profile/legacy.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/store.h"
#include "profile/table.h"

struct parser {
    struct ht_profile *p;
    struct ht_lines in;
    bool scaled;               /* counts are of sampled objects: scale by period */
    bool has_alloc;            /* four sample types */
    struct ht_table locations; /* by address */
    struct ht_location **stack;
    size_t n_stack, cap_stack;
    int err;
    char *msg;
    size_t msg_size;
};

static bool fail(struct parser *d, int err, const char *what)
{
    if (!d->err) {
        snprintf(d->msg, d->msg_size, "line %zu: %s", d->in.number, what);
        d->err = err;
    }
    return false;
}

/* Parsers over a line: each returns the place after what it parsed, or NULL. */

static const char *skip_spaces(const char *s, const char *end)
{
    while (s && s < end && *s == ' ')
        s++;
    return s;
}

static const char *take(const char *s, const char *end, char c)
{
    s = skip_spaces(s, end);
    return s && s < end && *s == c ? s + 1 : NULL;
}

static const char *take_number(const char *s, const char *end, int64_t *value)
{
    s = skip_spaces(s, end);
    if (!s || s == end)
        return NULL;
    bool negative = *s == '-';
    s += negative;
    uint64_t v = 0;
    const char *digits = s;
    for (; s < end && isdigit((unsigned char)*s); s++) {
        unsigned digit = (unsigned)(*s - '0');
        if (v > ((uint64_t)INT64_MAX - digit) / 10)
            return NULL;
        v = v * 10 + digit;
    }
    *value = negative ? -(int64_t)v : (int64_t)v;
    return s == digits ? NULL : s;
}

/* Digits alone: a sampling rate. NULL when there are none, or more than 63 bits hold. */
static const char *take_rate(const char *s, const char *end, int64_t *rate)
{
    return s && s < end && isdigit((unsigned char)*s) ? take_number(s, end, rate) : NULL;
}

/* "A: B [C: D]" */
static const char *take_counts(const char *s, const char *end, int64_t v[4])
{
    s = take_number(s, end, &v[0]);
    s = take_number(take(s, end, ':'), end, &v[1]);
    s = take_number(take(s, end, '['), end, &v[2]);
    s = take_number(take(s, end, ':'), end, &v[3]);
    return take(s, end, ']');
}

static int64_t to_int64(double v)
{
    return v >= -0x1p63 && v < 0x1p63 ? (int64_t)v : INT64_MIN;
}

/* An object of size S is sampled with probability 1 - exp(-S/R). */
static void scale(int64_t *count, int64_t *size, int64_t rate)
{
    if (*count == 0 || *size == 0) {
        *count = *size = 0;
        return;
    }
    if (rate <= 1)
        return;
    double mean = (double)*size / (double)*count;
    double factor = 1 / (1 - exp(-mean / (double)rate));
    *count = to_int64((double)*count * factor);
    *size = to_int64((double)*size * factor);
}

static struct ht_location *location_of(struct parser *d, uint64_t address)
{
    uint64_t hash = ht_hash_mix(5, address);
    if (!ht_table_reserve(&d->locations))
        return NULL;
    size_t at = hash;
    struct ht_location *l;
    while ((l = (struct ht_location *)ht_table_next(&d->locations, hash, &at)))
        if (l->address == address)
            return l;
    l = ht_profile_add_location(d->p);
    if (l) {
        l->address = address;
        ht_table_put(&d->locations, hash, at, (uintptr_t)l);
    }
    return l;
}

/* The hexadecimal numbers of "0x1 0x2 …", leaf first, into the stack. */
static bool take_stack(struct parser *d, const char *s, const char *end)
{
    d->n_stack = 0;
    while (s < end) {
        if (end - s < 3 || s[0] != '0' || s[1] != 'x' || !isxdigit((unsigned char)s[2])) {
            if (*s != ' ' && *s != 'x' && !isxdigit((unsigned char)*s))
                break;
            s++;
            continue;
        }
        uint64_t address = 0;
        int digits = 0;
        for (s += 2; s < end && isxdigit((unsigned char)*s) && !isupper((unsigned char)*s); s++) {
            if (address >> 60)
                return fail(d, -EINVAL, "an address has more than 64 bits");
            address = address << 4 | (unsigned)(*s <= '9' ? *s - '0' : *s - 'a' + 10);
            digits++;
        }
        if (!digits)
            break;
        if (d->n_stack == d->cap_stack) {
            size_t cap = d->cap_stack ? d->cap_stack * 2 : 128;
            struct ht_location **stack = realloc(d->stack, cap * sizeof(*stack));
            if (!stack)
                return fail(d, -ENOMEM, "out of memory");
            d->stack = stack;
            d->cap_stack = cap;
        }
        d->stack[d->n_stack] = location_of(d, address - 1);
        if (!d->stack[d->n_stack++])
            return fail(d, -ENOMEM, "out of memory");
    }
    return true;
}

/* Adds a sample of the current stack. counts: in-use objects and bytes, allocated objects and
 * bytes. */
static bool add_sample(struct parser *d, int64_t counts[4])
{
    int64_t block = 0;
    for (int i = d->has_alloc ? 2 : 0; i >= 0; i -= 2) {
        if (!counts[i] && counts[i + 1])
            return fail(d, -EINVAL, "a count is 0, but its bytes are not");
        if (!counts[i])
            continue;
        if (counts[i] == -1 && counts[i + 1] == INT64_MIN)
            return fail(d, -EINVAL, "a number is too large");
        block = counts[i + 1] / counts[i];
        if (d->scaled)
            scale(&counts[i], &counts[i + 1], d->p->period);
    }
    struct ht_sample *s = ht_profile_add_sample(d->p, d->n_stack, 1);
    const char *key = ht_profile_str(d->p, "bytes");
    if (!s || !key)
        return fail(d, -ENOMEM, "out of memory");
    if (d->n_stack)
        memcpy(s->locations, d->stack, d->n_stack * sizeof(*d->stack));
    s->labels[0].key = key;
    s->labels[0].num = block;
    int64_t *v = s->values;
    if (d->has_alloc) {
        *v++ = counts[2];
        *v++ = counts[3];
    }
    *v++ = counts[0];
    *v = counts[1];
    return true;
}

static bool add_types(struct parser *d, const char *objects, const char *space)
{
    struct ht_profile *p = d->p;
    p->period_type.type = ht_profile_str(p, "space");
    p->period_type.unit = ht_profile_str(p, "bytes");
    int err = p->period_type.type && p->period_type.unit ? 0 : -ENOMEM;
    if (!err && d->has_alloc) {
        err = ht_profile_add_sample_type(p, "alloc_objects", "count");
        if (!err)
            err = ht_profile_add_sample_type(p, "alloc_space", "bytes");
        objects = "inuse_objects";
        space = "inuse_space";
    }
    if (!err)
        err = ht_profile_add_sample_type(p, objects, "count");
    if (!err)
        err = ht_profile_add_sample_type(p, space, "bytes");
    return err ? fail(d, err, "out of memory") : true;
}

static bool differs(const int64_t v[4])
{
    return (v[2] != v[0] && v[2]) || (v[3] != v[1] && v[3]);
}

/* "heap profile: A: B [C: D] @ TAG/N" */
static bool read_header(struct parser *d)
{
    static const char head[] = "heap profile:";
    const char *end = d->in.line_end;
    const char *s = memmem(d->in.line, (size_t)(end - d->in.line), head, strlen(head));
    int64_t v[4], n = 0;
    s = s ? take_counts(s + strlen(head), end, v) : NULL;
    s = skip_spaces(take(s, end, '@'), end);
    if (!s)
        return fail(d, -EINVAL, "the header of a heap profile is malformed");
    const char *tag = s;
    while (s < end && (islower((unsigned char)*s) || isdigit((unsigned char)*s) || *s == '_'))
        s++;
    size_t len = (size_t)(s - tag);
    bool rate = s + 1 < end && *s == '/' && isdigit((unsigned char)s[1]);
    if (rate && !take_rate(s + 1, end, &n))
        return fail(d, -EINVAL, "the sampling rate is too large");
    bool v2 = (len == 7 && !memcmp(tag, "heap_v2", 7)) || (len == 8 && !memcmp(tag, "heapz_v2", 8));
    d->has_alloc = differs(v);
    if (v2 || (len == 4 && !memcmp(tag, "heap", 4))) {
        d->scaled = true;
        d->p->period = v2 ? n : n / 2;
    } else if (len == 11 && !memcmp(tag, "heapprofile", 11)) {
        d->p->period = 1;
    } else if ((len >= 6 && !memcmp(tag, "growth", 6)) ||
               (len >= 13 && !memcmp(tag, "fragmentation", 13))) {
        d->p->period = 1;
        d->has_alloc = false;
    } else {
        return fail(d, -EINVAL, "it is a kind of heap profile that is not known");
    }
    return add_types(d, "objects", "space");
}

static bool read_rows(struct parser *d)
{
    while (ht_lines_next(&d->in)) {
        const char *s = d->in.line, *end = d->in.line_end;
        int64_t v[4];
        if (s == end || *s == '#')
            continue;
        if (ht_lines_at_maps(&d->in))
            return true;
        const char *row = take(take_counts(s, end, v), end, '@');
        if (!row) /* a log's: its prefix may look like numbers */
            row = take(take_counts(ht_lines_message(&d->in), end, v), end, '@');
        s = row;
        if (!s)
            return fail(d, -EINVAL, "a sample is malformed (N: BYTES [N: BYTES] @ 0x…)");
        if (!take_stack(d, s, end) || !add_sample(d, v))
            return false;
    }
    return true;
}

/* jemalloc: "heap_v2/R", the totals, then "@ stack" with a row of sums (t*) and one a thread. */
static bool read_jemalloc(struct parser *d)
{
    bool known = false, waiting = true;
    if (!take_rate(d->in.line + strlen("heap_v2/"), d->in.line_end, &d->p->period))
        return fail(d, -EINVAL, "the sampling rate behind heap_v2/ is malformed or too large");
    d->scaled = true;
    while (ht_lines_next(&d->in)) {
        const char *s = d->in.line, *end = d->in.line_end;
        int64_t v[4];
        if (ht_lines_at_maps(&d->in))
            break;
        if (s == end || *s == '#')
            continue;
        if (*s == '@') {
            if (!known && !add_types(d, "inuse_objects", "inuse_space"))
                return false;
            known = true;
            waiting = true;
            if (!take_stack(d, s + 1, end))
                return false;
        } else if (ht_lines_starts(&d->in, "t*:")) {
            if (!take_counts(s + 3, end, v))
                return fail(d, -EINVAL, "a row is malformed (t*: N: BYTES [N: BYTES])");
            if (!known)
                d->has_alloc = v[2] || v[3];
            else if (waiting && !add_sample(d, v))
                return false;
            waiting = false;
        } else if (*s != 't') {
            return fail(d, -EINVAL, "a line is no part of a jemalloc heap profile");
        }
    }
    return known || add_types(d, "inuse_objects", "inuse_space");
}

static bool in_jemalloc(const struct ht_location *l)
{
    if (!l->mapping)
        return false;
    const char *slash = strrchr(l->mapping->file, '/');
    return !strncmp(slash ? slash + 1 : l->mapping->file, "libjemalloc", 11);
}

/* jemalloc records its own frames, and its packaged library has no names by which they could be
 * dropped. */
static void drop_allocator(struct ht_profile *p)
{
    for (size_t i = 0; i < p->n_samples; i++) {
        struct ht_sample *s = &p->samples[i];
        while (s->n_locations > 1 && in_jemalloc(s->locations[0])) {
            s->locations++;
            s->n_locations--;
        }
    }
}

bool ht_legacy_is(const char *data, size_t size)
{
    struct ht_lines in = {.at = data, .end = data + (size > 4096 ? 4096 : size)};
    return (ht_is_text(data, size) ? ht_lines_next_full(&in) : ht_lines_next(&in)) &&
           (ht_lines_has(&in, "heap profile:") || ht_lines_starts(&in, "heap_v2/"));
}

struct ht_profile *ht_legacy_decode(const char *data, size_t size, int *err, char *msg,
                                    size_t msg_size)
{
    struct parser d = {.p = ht_profile_create(),
                       .in = {.at = data, .end = data + size},
                       .msg = msg,
                       .msg_size = msg_size};
    bool ok = d.p != NULL;
    if (!ok)
        fail(&d, -ENOMEM, "out of memory");
    ht_lines_next_full(&d.in);
    bool jemalloc = ok && ht_lines_starts(&d.in, "heap_v2/");
    if (ok)
        ok = jemalloc ? read_jemalloc(&d) : read_header(&d) && read_rows(&d);
    if (ok) {
        d.err = ht_legacy_read_maps(d.p, &d.in, msg, msg_size);
        if (!d.err && ht_legacy_set_frames(d.p, jemalloc))
            fail(&d, -ENOMEM, "out of memory");
        ok = !d.err;
        if (ok && jemalloc)
            drop_allocator(d.p);
    }
    ht_table_finish(&d.locations);
    free(d.stack);
    if (ok)
        return d.p;
    ht_profile_destroy(d.p);
    *err = d.err;
    return NULL;
}

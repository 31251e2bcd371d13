/* SPDX-License-Identifier: MIT */
/*
 * Attributes of a text profile's memory map, which keep its paths short:
 *
 *     build=/home/user/build
 *     00400000-00fcb000: $build/server
 *
 * A name stands for its value in every later line, values included. Where several names fit, the
 * one defined first is taken, as by google/pprof's strings.Replacer.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/legacy.h"

#define ATTRIBUTES_LIMIT 256
#define LINE_LIMIT       ((size_t)64 << 10)

struct attribute {
    char *name, *value;
    size_t name_len, value_len;
};

static void trim(const char **s, const char **end)
{
    while (*s < *end && isspace((unsigned char)**s))
        ++*s;
    while (*end > *s && isspace((unsigned char)(*end)[-1]))
        --*end;
}

/* Bytes, which may hold a NUL: strndup would stop there. */
static char *copy(const char *s, size_t n)
{
    char *c = malloc(n + 1);
    if (c) {
        memcpy(c, s, n);
        c[n] = 0;
    }
    return c;
}

int ht_attributes_define(struct ht_attributes *a, const char *line, const char *end)
{
    const char *sign = memchr(line, '=', (size_t)(end - line)), *name_end = sign;
    if (!sign || a->n == ATTRIBUTES_LIMIT)
        return 0;
    const char *value = sign + 1;
    trim(&line, &name_end);
    trim(&value, &end);
    struct attribute *more = realloc(a->v, (a->n + 1) * sizeof(*more));
    if (!more)
        return -ENOMEM;
    a->v = more;
    struct attribute new = {copy(line, (size_t)(name_end - line)),
                            copy(value, (size_t)(end - value)), (size_t)(name_end - line),
                            (size_t)(end - value)};
    if (!new.name || !new.value) {
        free(new.name);
        free(new.value);
        return -ENOMEM;
    }
    more[a->n++] = new;
    return 0;
}

static const struct attribute *attribute_at(const struct ht_attributes *a, const char *s, size_t n)
{
    for (size_t i = 0; i < a->n; i++)
        if (n >= a->v[i].name_len && !memcmp(s, a->v[i].name, a->v[i].name_len))
            return &a->v[i];
    return NULL;
}

int ht_attributes_expand(struct ht_attributes *a, const char **line, const char **end)
{
    if (!a->n || !memchr(*line, '$', (size_t)(*end - *line)))
        return 0;
    if (!a->expanded && !(a->expanded = malloc(LINE_LIMIT)))
        return -ENOMEM;
    size_t n = 0;
    for (const char *s = *line; s < *end;) {
        const struct attribute *found =
            *s == '$' ? attribute_at(a, s + 1, (size_t)(*end - s) - 1) : NULL;
        const char *from = found ? found->value : s;
        size_t len = found ? found->value_len : 1;
        if (n + len > LINE_LIMIT)
            return -E2BIG;
        memcpy(a->expanded + n, from, len);
        n += len;
        s += found ? 1 + found->name_len : 1;
    }
    *line = a->expanded;
    *end = a->expanded + n;
    return 0;
}

void ht_attributes_finish(struct ht_attributes *a)
{
    for (size_t i = 0; i < a->n; i++) {
        free(a->v[i].name);
        free(a->v[i].value);
    }
    free(a->v);
    free(a->expanded);
}

/* SPDX-License-Identifier: MIT */
/* Which sample type is meant, and in which unit a label is shown. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/ops.h"
#include "profile/table.h"

int ht_profile_sample_index(const struct ht_profile *p, const char *name, char *msg,
                            size_t msg_size)
{
    if (!p->n_sample_types) {
        snprintf(msg, msg_size, "the profile has no sample types");
        return -EINVAL;
    }
    if (!name || !*name) {
        for (size_t i = 0; *p->default_sample_type && i < p->n_sample_types; i++)
            if (!strcmp(p->sample_types[i].type, p->default_sample_type))
                return (int)i;
        return (int)p->n_sample_types - 1;
    }
    char *end;
    errno = 0;
    long n = strtol(name, &end, 10);
    if (!*end && !errno) {
        if (n >= 0 && (size_t)n < p->n_sample_types)
            return (int)n;
        snprintf(msg, msg_size, "sample_index %s is outside the range 0 to %zu", name,
                 p->n_sample_types - 1);
        return -EINVAL;
    }
    const char *bare = strncmp(name, "inuse_", 6) ? name : name + 6;
    for (size_t i = 0; i < p->n_sample_types; i++)
        if (!strcmp(p->sample_types[i].type, name) || !strcmp(p->sample_types[i].type, bare))
            return (int)i;
    size_t at = (size_t)snprintf(msg, msg_size, "sample_index '%s' must be one of:", name);
    for (size_t i = 0; i < p->n_sample_types && at < msg_size; i++)
        at += (size_t)snprintf(msg + at, msg_size - at, " %s", p->sample_types[i].type);
    return -EINVAL;
}

static int by_key(const void *va, const void *vb)
{
    const struct ht_label_unit *a = va, *b = vb;
    return strcmp(a->key, b->key);
}

/* The entry of a key (interned, so its pointer is enough), a new one at the end when there is none.
 */
static struct ht_label_unit *unit_of(struct ht_label_unit **units, size_t *n, size_t *cap,
                                     struct ht_table *by_pointer, const char *key)
{
    uint64_t hash = ht_hash_mix(6, (uintptr_t)key);
    if (!ht_table_reserve(by_pointer))
        return NULL;
    size_t at = hash;
    for (uintptr_t i; (i = ht_table_next(by_pointer, hash, &at));)
        if ((*units)[i - 1].key == key)
            return &(*units)[i - 1];
    if (*n == *cap) {
        size_t want = *cap ? *cap * 2 : 8;
        struct ht_label_unit *more = realloc(*units, want * sizeof(*more));
        if (!more)
            return NULL;
        *units = more;
        *cap = want;
    }
    (*units)[(*n)++] = (struct ht_label_unit){key, ""};
    ht_table_put(by_pointer, hash, at, *n);
    return &(*units)[*n - 1];
}

/* A key has the first unit met for it, else one guessed from its name. */
int ht_profile_label_units(struct ht_profile *p, struct ht_label_unit **out, size_t *n_out)
{
    struct ht_label_unit *units = NULL, *kept = NULL;
    struct ht_table by_pointer = {0};
    size_t n = 0, cap = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < p->n_samples; i++) {
        const struct ht_sample *s = &p->samples[i];
        for (size_t j = 0; ok && j < s->n_labels; j++) {
            const struct ht_label *l = &s->labels[j];
            if (l->str)
                continue;
            struct ht_label_unit *u = unit_of(&units, &n, &cap, &by_pointer, l->key);
            ok = u != NULL;
            if (ok && !*u->unit)
                u->unit = l->num_unit;
        }
    }
    for (size_t k = 0; k < n; k++) {
        const char *key = units[k].key;
        if (!*units[k].unit)
            units[k].unit = !strcmp(key, "alignment") || !strcmp(key, "request") ? "bytes" : key;
    }
    if (ok)
        kept = ht_profile_alloc(p, n * sizeof(*kept));
    if (kept && n) {
        qsort(units, n, sizeof(*units), by_key);
        memcpy(kept, units, n * sizeof(*kept));
    }
    ht_table_finish(&by_pointer);
    free(units);
    *out = kept;
    *n_out = n;
    return kept ? 0 : -ENOMEM;
}

const char *ht_label_unit_of(const struct ht_label_unit *units, size_t n, const char *key)
{
    const struct ht_label_unit wanted = {key, ""};
    const struct ht_label_unit *u = n ? bsearch(&wanted, units, n, sizeof(*units), by_key) : NULL;
    return u ? u->unit : "";
}

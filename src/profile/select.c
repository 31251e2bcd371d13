/* SPDX-License-Identifier: MIT */
/* Which sample type is meant, and in which unit a label is shown. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/ops.h"

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

/* A key has the first unit met for it, else one guessed from its name. */
int ht_profile_label_units(struct ht_profile *p, struct ht_label_unit **out, size_t *n_out)
{
    struct ht_label_unit *units = NULL;
    size_t n = 0, cap = 0;
    for (size_t i = 0; i < p->n_samples; i++) {
        const struct ht_sample *s = &p->samples[i];
        for (size_t j = 0; j < s->n_labels; j++) {
            const struct ht_label *l = &s->labels[j];
            if (l->str)
                continue;
            size_t k = 0;
            while (k < n && strcmp(units[k].key, l->key) != 0)
                k++;
            if (k == n) {
                if (n == cap) {
                    size_t want = cap ? cap * 2 : 8;
                    struct ht_label_unit *more = ht_profile_alloc(p, want * sizeof(*more));
                    if (!more)
                        return -ENOMEM;
                    if (n)
                        memcpy(more, units, n * sizeof(*more));
                    units = more;
                    cap = want;
                }
                units[n++] = (struct ht_label_unit){l->key, ""};
            }
            if (!*units[k].unit)
                units[k].unit = l->num_unit;
        }
    }
    for (size_t k = 0; k < n; k++) {
        const char *key = units[k].key;
        if (!*units[k].unit)
            units[k].unit =
                !strcmp(key, "alignment") || !strcmp(key, "request") ? "bytes" : key;
    }
    *out = units;
    *n_out = n;
    return 0;
}

const char *ht_label_unit_of(const struct ht_label_unit *units, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(units[i].key, key))
            return units[i].unit;
    return "";
}

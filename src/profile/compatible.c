/* SPDX-License-Identifier: MIT */
/* Gives profiles the same sample types and units before they are merged. */
#include "config.h"

#include "profile/compatible.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/ops.h"
#include "profile/units.h"

static int find_type(const struct ht_profile *p, const char *type)
{
    for (size_t i = 0; i < p->n_sample_types; i++)
        if (!strcmp(p->sample_types[i].type, type))
            return (int)i;
    return -1;
}

/* Keeps the named types, in that order. */
static int keep_types(struct ht_profile *p, const char *const *types, size_t n)
{
    int *from = calloc(n, sizeof(*from));
    struct ht_value_type *kept = calloc(n, sizeof(*kept));
    int64_t *values = calloc(n, sizeof(*values));
    int err = from && kept && values ? 0 : -ENOMEM;
    bool as_it_is = n == p->n_sample_types, default_kept = false;
    for (size_t i = 0; !err && i < n; i++) {
        from[i] = find_type(p, types[i]);
        kept[i] = p->sample_types[from[i]];
        as_it_is = as_it_is && from[i] == (int)i;
        default_kept = default_kept || !strcmp(types[i], p->default_sample_type);
    }
    if (!err && !as_it_is) {
        if (!default_kept)
            p->default_sample_type = kept[0].type;
        memcpy(p->sample_types, kept, n * sizeof(*kept));
        p->n_sample_types = n;
        for (size_t s = 0; s < p->n_samples; s++) {
            for (size_t i = 0; i < n; i++)
                values[i] = p->samples[s].values[from[i]];
            memcpy(p->samples[s].values, values, n * sizeof(*values));
        }
    }
    free(from);
    free(kept);
    free(values);
    return err;
}

static int say_types(const struct ht_profile *p, const char *word, char *msg, size_t msg_size)
{
    int at = snprintf(msg, msg_size,
                      "--types: no sample type is \"%s\", or it is named twice; there are", word);
    for (size_t i = 0; i < p->n_sample_types && at > 0 && (size_t)at < msg_size; i++)
        at += snprintf(msg + at, msg_size - (size_t)at, "%s %s", i ? "," : "",
                       p->sample_types[i].type);
    return -EINVAL;
}

int ht_profile_keep_types(struct ht_profile *p, const char *list, char *msg, size_t msg_size)
{
    const char **kept = calloc(p->n_sample_types + 1, sizeof *kept);
    char *words = strdup(list), *rest = words, *word;
    size_t n = 0;
    int err = kept && words ? 0 : -ENOMEM;
    snprintf(msg, msg_size, "out of memory");
    while (!err && (word = strsep(&rest, ","))) {
        const int type = find_type(p, word);
        bool twice = false;
        for (size_t i = 0; i < n; i++)
            twice |= !strcmp(kept[i], word);
        if (type < 0 || twice)
            err = say_types(p, word, msg, msg_size);
        else
            kept[n++] = p->sample_types[type].type;
    }
    if (!err)
        err = keep_types(p, kept, n);
    free(kept);
    free(words);
    return err;
}

static int common_types(struct ht_profile *const *ps, size_t n, char *msg, size_t msg_size)
{
    size_t n_first = ps[0]->n_sample_types, n_kept = 0;
    const char **kept = calloc(n_first + 1, sizeof(*kept));
    if (!kept)
        return -ENOMEM;
    for (size_t i = 0; i < n_first; i++) {
        size_t have = 0;
        for (size_t j = 0; j < n; j++)
            have += find_type(ps[j], ps[0]->sample_types[i].type) >= 0;
        if (have == n && find_type(ps[0], ps[0]->sample_types[i].type) == (int)i)
            kept[n_kept++] = ps[0]->sample_types[i].type;
    }
    int err = 0;
    if (!n_kept) {
        snprintf(msg, msg_size, "the profiles have no sample type in common (%s and %s)",
                 n_first ? ps[0]->sample_types[n_first - 1].type : "none",
                 ps[n - 1]->n_sample_types ? ps[n - 1]->sample_types[0].type : "none");
        err = -EINVAL;
    }
    for (size_t j = 0; !err && j < n; j++)
        err = keep_types(ps[j], kept, n_kept);
    free(kept);
    return err;
}

/* A type and its plural are the same. */
static bool same_type(const struct ht_value_type *a, const struct ht_value_type *b)
{
    size_t na = strlen(a->type), nb = strlen(b->type);
    na -= na && a->type[na - 1] == 's';
    nb -= nb && b->type[nb - 1] == 's';
    return na == nb && !memcmp(a->type, b->type, na) && ht_unit_compatible(a->unit, b->unit);
}

/* The finest of the units; which = -1 for the period type, else a sample type. */
static int finest(struct ht_profile *const *ps, size_t n, int which, struct ht_value_type *out,
                  char *msg, size_t msg_size)
{
    for (size_t i = 0; i < n; i++) {
        const struct ht_value_type *t =
            which < 0 ? &ps[i]->period_type : &ps[i]->sample_types[which];
        if (i && !same_type(out, t)) {
            snprintf(msg, msg_size, "the profiles have different %s: %s/%s and %s/%s",
                     which < 0 ? "period types" : "sample types", out->type, out->unit, t->type,
                     t->unit);
            return -EINVAL;
        }
        if (!i || ht_unit_scale(1, t->unit, out->unit, NULL) < 1)
            *out = *t;
    }
    return 0;
}

static int common_units(struct ht_profile *const *ps, size_t n, char *msg, size_t msg_size)
{
    struct ht_value_type period;
    size_t n_types = ps[0]->n_sample_types;
    struct ht_value_type *types = calloc(n_types, sizeof(*types));
    double *ratios = calloc(n_types, sizeof(*ratios));
    int err = types && ratios ? finest(ps, n, -1, &period, msg, msg_size) : -ENOMEM;
    for (size_t i = 0; !err && i < n_types; i++)
        err = finest(ps, n, (int)i, &types[i], msg, msg_size);
    for (size_t j = 0; !err && j < n; j++) {
        struct ht_profile *p = ps[j];
        double v = ht_unit_scale(p->period, p->period_type.unit, period.unit, NULL);
        if (v < 0x1p63 && v >= -0x1p63)
            p->period = (int64_t)v;
        p->period_type.unit = ht_profile_str(p, period.unit);
        for (size_t i = 0; i < n_types; i++) {
            ratios[i] = ht_unit_scale(1, p->sample_types[i].unit, types[i].unit, NULL);
            p->sample_types[i].unit = ht_profile_str(p, types[i].unit);
            if (!p->sample_types[i].unit || !p->period_type.unit)
                err = -ENOMEM;
        }
        if (!err)
            ht_profile_scale_n(p, ratios);
    }
    free(types);
    free(ratios);
    return err;
}

int ht_profiles_make_compatible(struct ht_profile *const *ps, size_t n, char *msg, size_t msg_size)
{
    if (n <= 1)
        return 0;
    snprintf(msg, msg_size, "out of memory");
    int err = common_types(ps, n, msg, msg_size);
    if (!err)
        err = common_units(ps, n, msg, msg_size);
    for (size_t i = 1; !err && i < n; i++) {
        if (!strcmp(ps[0]->period_type.type, ps[i]->period_type.type))
            continue;
        snprintf(msg, msg_size, "the profiles have different period types: %s and %s",
                 ps[0]->period_type.type, ps[i]->period_type.type);
        err = -EINVAL;
    }
    return err;
}

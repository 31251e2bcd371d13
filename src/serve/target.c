/* SPDX-License-Identifier: MIT */
/* Frees lists of targets; adds up a profile for sources that have no faster way. */
#include "config.h"

#include "serve/target.h"

#include <stdlib.h>
#include <string.h>

#include "profile/profile.h"

void ht_targets_free(struct ht_target *targets, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(targets[i].name);
        free(targets[i].command);
        free(targets[i].damage);
    }
    free(targets);
}

static int64_t *stat_of(struct ht_target_stats *s, const char *type)
{
    if (!strcmp(type, "inuse_space") || !strcmp(type, "space"))
        return &s->inuse_bytes;
    if (!strcmp(type, "inuse_objects") || !strcmp(type, "objects"))
        return &s->inuse_objects;
    if (!strcmp(type, "alloc_space"))
        return &s->alloc_bytes;
    if (!strcmp(type, "alloc_objects"))
        return &s->alloc_objects;
    return NULL;
}

void ht_target_stats_of(const struct ht_profile *p, struct ht_target_stats *stats)
{
    *stats = (struct ht_target_stats){-1, -1, -1, -1, -1, -1, p->period, -1, -1};
    for (size_t t = 0; t < p->n_sample_types; t++) {
        int64_t *v = stat_of(stats, p->sample_types[t].type);

        if (!v)
            continue;
        *v = 0;
        for (size_t i = 0; i < p->n_samples; i++)
            if (__builtin_add_overflow(*v, p->samples[i].values[t], v))
                *v = INT64_MAX;
    }
}

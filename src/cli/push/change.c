/* SPDX-License-Identifier: MIT */
/*
 * The difference of the types that only grow. A store drops values below zero; here they are
 * stacks whose sums were folded: what they had stands at "[folded]" since, and is taken off there.
 */
#include "config.h"

#include "cli/push/change.h"

#include <string.h>

#include "profile/ops.h"

static bool grows(const struct ht_profile *p, size_t type)
{
    return !strncmp(p->sample_types[type].type, "alloc", 5);
}

/* Keeps the types that grow, or those that do not; the others come to 0. */
static void keep(struct ht_profile *p, bool growing)
{
    for (size_t t = 0; t < p->n_sample_types; t++)
        for (size_t i = 0; i < p->n_samples && grows(p, t) != growing; i++)
            p->samples[i].values[t] = 0;
}

/* The size at a sample is the mean of a class of sizes, and changes with it: the same stack's
 * samples of two moments would not meet. Stores keep flame graphs, which have no sizes. */
static int without_sizes(struct ht_profile *p, char *msg, size_t size)
{
    const struct ht_filter sizes = {.taghide = "^bytes$"};
    return ht_profile_filter(p, &sizes, NULL, msg, size);
}

static bool is_folded(const struct ht_sample *s)
{
    const struct ht_location *l = s->n_locations ? s->locations[0] : NULL;
    return l && l->n_lines && l->lines[0].function &&
           !strcmp(l->lines[0].function->name, "[folded]");
}

static void settle(struct ht_profile *p, size_t type)
{
    int64_t below = 0;
    for (size_t i = 0; i < p->n_samples; i++) {
        int64_t *v = &p->samples[i].values[type];
        if (*v < 0) {
            if (__builtin_add_overflow(below, *v, &below))
                below = INT64_MIN;
            *v = 0;
        }
    }
    for (size_t i = 0; i < p->n_samples && below < 0; i++) {
        int64_t *v = &p->samples[i].values[type];
        if (is_folded(&p->samples[i])) {
            int64_t take = *v < -(below + 1) ? *v : -below;
            *v -= take;
            below += take;
        }
    }
}

struct ht_profile *ht_push_change(struct ht_profile *p, const void *base, size_t base_size,
                                  bool unknown, char *msg, size_t msg_size)
{
    struct ht_profile *changed = NULL, *before = NULL;
    int err = without_sizes(p, msg, msg_size);
    if (!err && base) {
        before = ht_profile_decode(base, base_size, &err, msg, msg_size);
        if (before)
            err = without_sizes(before, msg, msg_size);
    }
    if (!base && unknown)
        keep(p, false);
    if (!err && before) {
        keep(before, true);
        changed = ht_profile_subtract(p, before, false, false, &err, msg, msg_size);
    } else if (!err) {
        changed = ht_profile_compact(p, &err, msg, msg_size);
    }
    for (size_t t = 0; changed && t < changed->n_sample_types; t++)
        if (grows(changed, t))
            settle(changed, t);
    ht_profile_destroy(before);
    ht_profile_destroy(p);
    return changed;
}

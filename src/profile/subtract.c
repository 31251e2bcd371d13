/* SPDX-License-Identifier: MIT */
/* One profile less another. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/ops.h"
#include "profile/share.h"

static const char base_key[] = "pprof::base", base_value[] = "true";

bool ht_sample_is_diff_base(const struct ht_sample *s)
{
    for (size_t i = 0; i < s->n_labels; i++)
        if (s->labels[i].str && !strcmp(s->labels[i].key, base_key) &&
            !strcmp(s->labels[i].str, base_value))
            return true;
    return false;
}

static void totals(const struct ht_profile *p, uint64_t *sums)
{
    for (size_t s = 0; s < p->n_samples; s++)
        for (size_t i = 0; i < p->n_sample_types; i++)
            sums[i] += (uint64_t)p->samples[s].values[i];
}

int ht_profile_normalize(struct ht_profile *p, const struct ht_profile *base, char *msg,
                         size_t msg_size)
{
    if (p->n_sample_types != base->n_sample_types) {
        snprintf(msg, msg_size, "the profiles have different sample types (%zu and %zu)",
                 p->n_sample_types, base->n_sample_types);
        return -EINVAL;
    }
    size_t n = p->n_sample_types;
    uint64_t *ours = calloc(n * 2 + 1, sizeof(*ours)), *theirs = ours + n;
    double *ratios = calloc(n + 1, sizeof(*ratios));
    int err = ours && ratios ? 0 : -ENOMEM;
    if (!err) {
        totals(p, ours);
        totals(base, theirs);
        for (size_t i = 0; i < n; i++)
            ratios[i] = ours[i] ? (double)(int64_t)theirs[i] / (double)(int64_t)ours[i] : 0;
        ht_profile_scale_n(p, ratios);
    }
    free(ours);
    free(ratios);
    return err;
}

int ht_profile_set_label(struct ht_profile *p, const char *key, const char *value)
{
    const char *k = ht_profile_str(p, key), *v = ht_profile_str(p, value);
    const char *none = ht_profile_str(p, "");
    if (!k || !v)
        return -ENOMEM;
    struct ht_share sets = {0};
    struct ht_label *labels = NULL;
    size_t room = 0;
    int err = 0;
    for (size_t i = 0; !err && i < p->n_samples; i++) {
        struct ht_sample *s = &p->samples[i];
        if (s->n_labels >= room) {
            room = 2 * (size_t)s->n_labels + 8;
            free(labels);
            labels = malloc(room * sizeof(*labels));
            if (!labels) {
                err = -ENOMEM;
                break;
            }
        }
        uint32_t n = 0;
        labels[n++] = (struct ht_label){k, v, 0, none};
        for (size_t j = 0; j < s->n_labels; j++)
            if (!s->labels[j].str || strcmp(s->labels[j].key, key) != 0)
                labels[n++] = s->labels[j];
        s->labels = ht_share_labels(&sets, p, labels, n);
        s->n_labels = n;
        err = s->labels ? 0 : -ENOMEM;
    }
    ht_share_finish(&sets);
    free(labels);
    return err;
}

struct ht_profile *ht_profile_subtract(struct ht_profile *p, struct ht_profile *base, bool diff,
                                       bool normalize, int *err, char *msg, size_t msg_size)
{
    struct ht_profile *both[] = {p, base};
    *err = diff ? ht_profile_set_label(base, base_key, base_value) : 0;
    if (!*err && normalize)
        *err = ht_profile_normalize(p, base, msg, msg_size);
    if (*err == -ENOMEM)
        snprintf(msg, msg_size, "out of memory");
    if (*err)
        return NULL;
    ht_profile_scale(base, -1);
    return ht_profile_merge(both, 2, err, msg, msg_size);
}

/* SPDX-License-Identifier: MIT */
/* A profile's values times a ratio. Samples that come to zero go, as with pprof. */
#include "config.h"

#include <math.h>
#include <stdlib.h>

#include "profile/ops.h"

static int64_t to_int64(double v)
{
    return v >= -0x1p63 && v < 0x1p63 ? (int64_t)v : INT64_MIN; /* as x86 converts */
}

void ht_profile_scale_n(struct ht_profile *p, const double *ratios)
{
    bool changes = false;
    for (size_t i = 0; i < p->n_sample_types; i++)
        changes = changes || ratios[i] != 1;
    if (!changes)
        return;
    size_t kept = 0;
    for (size_t s = 0; s < p->n_samples; s++) {
        int64_t *v = p->samples[s].values;
        /* pprof looks at the values it scales only; so do we, or a diff would differ. */
        bool keep = false;
        for (size_t i = 0; i < p->n_sample_types; i++) {
            if (ratios[i] == 1)
                continue;
            v[i] = to_int64(round((double)v[i] * ratios[i]));
            keep = keep || v[i];
        }
        if (keep)
            p->samples[kept++] = p->samples[s];
    }
    p->n_samples = kept;
}

void ht_profile_scale(struct ht_profile *p, double ratio)
{
    double *ratios = malloc(p->n_sample_types * sizeof(*ratios));
    if (!ratios)
        return;
    for (size_t i = 0; i < p->n_sample_types; i++)
        ratios[i] = ratio;
    ht_profile_scale_n(p, ratios);
    free(ratios);
}

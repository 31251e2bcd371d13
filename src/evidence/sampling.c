/* SPDX-License-Identifier: MIT */
/*
 * Reads a profile's period and its numeric label "bytes", and makes of a sample what interval.h
 * adds up.
 */
#include "config.h"

#include "evidence/sampling.h"

#include <stdio.h>
#include <string.h>

const char ht_sampling_no_size[] =
    "a sample does not say the size of its objects (numeric label \"bytes\")";

/* heaptap and tcmalloc count s+1 bytes for an object; Go and jemalloc s. */
static bool counts_one_more(const struct ht_profile *p)
{
    for (size_t i = 0; i < p->n_comments; i++)
        if (!strncmp(p->comments[i], "heaptap ", 8))
            return true;
    return false;
}

const struct ht_label *ht_sampling_size(const struct ht_sampling *s, const struct ht_sample *sample)
{
    for (size_t i = 0; i < sample->n_labels; i++)
        if (!sample->labels[i].str && sample->labels[i].key == s->key)
            return &sample->labels[i];
    return NULL;
}

static bool ends(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && !strcmp(s + n - m, end);
}

bool ht_sampling_of(struct ht_sampling *s, struct ht_profile *p, size_t index, char *why,
                    size_t why_size)
{
    const struct ht_value_type *t = &p->sample_types[index];
    /* Mappings are recorded one by one at any rate. */
    const bool exact = !strncmp(t->type, "mmap_", 5);
    *s = (struct ht_sampling){.rate = exact ? 1 : (double)p->period,
                              .index = index,
                              .bytes = !strcmp(t->unit, "bytes"),
                              .plus_one = counts_one_more(p),
                              .key = ht_profile_str(p, "bytes")};
    bool objects = !strcmp(t->unit, "count") && ends(t->type, "objects");
    if ((!s->bytes || !ends(t->type, "space")) && !objects) {
        snprintf(why, why_size, "values of type %s are neither a heap's bytes nor its objects",
                 t->type);
        return false;
    }
    if (p->period < 1 || strcmp(p->period_type.unit, "bytes") != 0) {
        snprintf(why, why_size, "the profile does not say how many bytes it was sampled every");
        return false;
    }
    for (size_t i = 0; i < p->n_samples; i++)
        if (p->samples[i].values[index] && !ht_sampling_size(s, &p->samples[i])) {
            snprintf(why, why_size, "%s", ht_sampling_no_size);
            return false;
        }
    return true;
}

bool ht_sampling_observe(const struct ht_sampling *s, const struct ht_sample *sample,
                         struct ht_observation *o)
{
    const struct ht_label *l = ht_sampling_size(s, sample);
    int64_t value = sample->values[s->index];
    if (!l || !value)
        return false;
    double size = l->num > 0 ? (double)l->num : 0;
    *o = (struct ht_observation){
        .value = (double)value,
        .unit = s->bytes ? size : 1,
        .size = size,
    };
    ht_observation_sample(o, s->rate, s->plus_one);
    return true;
}

struct ht_evidence ht_sampling_evidence(const struct ht_sampling *s, const struct ht_sample *sample)
{
    struct ht_observation o;
    return ht_sampling_observe(s, sample, &o) ? ht_evidence_of(&o) : (struct ht_evidence){0};
}

struct ht_interval ht_sampling_interval(const struct ht_sampling *s, const struct ht_evidence *e,
                                        double confidence)
{
    return ht_evidence_interval(e, s->bytes && s->rate > 1 ? s->rate : 0, confidence);
}

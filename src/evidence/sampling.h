/* SPDX-License-Identifier: MIT */
/*
 * How a profile was sampled, from its standard fields alone: the period and the numeric label
 * "bytes", an object's size. heaptap's, Go's and tcmalloc's profiles have both, and gperftools' and
 * jemalloc's texts as they are read here.
 */
#ifndef HEAPTAP_SRC_EVIDENCE_SAMPLING_H
#define HEAPTAP_SRC_EVIDENCE_SAMPLING_H

#include <stdbool.h>
#include <stddef.h>

#include "evidence/interval.h"
#include "profile/profile.h"

struct ht_sampling {
    double rate;     /* bytes from sample to sample; 1: every object was recorded */
    size_t index;    /* of the sample type */
    bool bytes;      /* its values are bytes, else objects */
    bool plus_one;   /* see ht_sampled_probability */
    const char *key; /* "bytes" as the profile interned it */
};

/* Of the sample type `index`. True, or false with one line that says what is missing. Samples with
 * a value and no size make it false too. */
bool ht_sampling_of(struct ht_sampling *s, struct ht_profile *p, size_t index, char *why,
                    size_t why_size);

/* What ht_sampling_of says of such a sample. */
extern const char ht_sampling_no_size[];

/* The label that says the size of its objects; NULL when it has none. */
const struct ht_label *ht_sampling_size(const struct ht_sampling *s,
                                        const struct ht_sample *sample);

/* What a sample says; false when its value is 0 or it has no size. */
bool ht_sampling_observe(const struct ht_sampling *s, const struct ht_sample *sample,
                         struct ht_observation *o);

/* The same as a sum of one. */
struct ht_evidence ht_sampling_evidence(const struct ht_sampling *s,
                                        const struct ht_sample *sample);

struct ht_interval ht_sampling_interval(const struct ht_sampling *s, const struct ht_evidence *e,
                                        double confidence);

#endif

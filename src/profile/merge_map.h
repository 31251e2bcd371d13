/* SPDX-License-Identifier: MIT */
/* A profile that others are merged into, and what finds their twins in it. Private to merge. */
#ifndef HEAPTAP_SRC_PROFILE_MERGE_MAP_H
#define HEAPTAP_SRC_PROFILE_MERGE_MAP_H

#include "profile/share.h"
#include "profile/table.h"

struct ht_merge {
    struct ht_profile *p;
    bool begun; /* a source has come: p's header is set */
    struct ht_table mappings, functions, locations, comments;
    struct ht_numbers samples;
    struct ht_share stacks, label_sets;
    struct ht_location **stack; /* scratch of one sample */
    size_t cap_stack;
    struct ht_label *labels;
    size_t n_labels, cap_labels;
    const char *key, *value; /* of a label that each sample gets; NULL: none */
};

/* Of a stack and labels in the merged profile's terms. */
static inline uint64_t ht_merge_hash(struct ht_location *const *stack, size_t n_stack,
                                     const struct ht_label *labels, size_t n_labels)
{
    uint64_t h = ht_hash_mix(4, n_stack);
    for (size_t i = 0; i < n_stack; i++)
        h = ht_hash_mix(h, (uintptr_t)stack[i]);
    for (size_t i = 0; i < n_labels; i++) {
        h = ht_hash_mix(ht_hash_mix(h, (uintptr_t)labels[i].key), (uintptr_t)labels[i].str);
        h = ht_hash_mix(ht_hash_mix(h, (uint64_t)labels[i].num), (uintptr_t)labels[i].num_unit);
    }
    return h ^ h >> 32;
}

static inline bool ht_merge_is_zero(const struct ht_profile *p, const struct ht_sample *s)
{
    for (size_t i = 0; i < p->n_sample_types; i++)
        if (s->values[i])
            return false;
    return true;
}

/* merge.c: what the header of a compatible source adds. False: out of memory. */
bool ht_merge_header(struct ht_merge *m, const struct ht_profile *src);

/* merge_map.c: before the samples of a compatible source. False: out of memory. */
bool ht_merge_source(struct ht_merge *m, struct ht_profile *src);
/* Adds one of its samples, unless it is zero. */
bool ht_merge_sample(struct ht_merge *m, const struct ht_sample *s);
/* Both, for all that it has. */
bool ht_merge_samples(struct ht_merge *m, struct ht_profile *src);

#endif

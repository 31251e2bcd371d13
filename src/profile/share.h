/* SPDX-License-Identifier: MIT */
/*
 * Equal stacks and equal sets of labels are kept once. A bounded cache finds them: what it has
 * forgotten is kept twice, so a profile without equal stacks needs no more for it.
 */
#ifndef HEAPTAP_SRC_PROFILE_SHARE_H
#define HEAPTAP_SRC_PROFILE_SHARE_H

#include "profile/profile.h"

#define HT_SHARE_SLOTS 16384u

/* All zero is an empty cache; for one profile, and good while its arrays are not changed. */
struct ht_share {
    struct ht_shared {
        uint64_t hash;
        uint64_t *words;
        size_t n;
    } * slots;
};

/* The words in the profile's memory: an array that an earlier call returned (then *again is set,
 * which may be NULL), or a copy. NULL when out of memory. n may be 0. */
uint64_t *ht_share_words(struct ht_share *c, struct ht_profile *p, const uint64_t *words, size_t n,
                         bool *again);
void ht_share_finish(struct ht_share *c);

_Static_assert(sizeof(struct ht_label) % 8 == 0, "a label is whole words, without padding");

static inline struct ht_location **ht_share_stack(struct ht_share *c, struct ht_profile *p,
                                                  struct ht_location *const *stack, size_t n)
{
    return (struct ht_location **)ht_share_words(c, p, (const uint64_t *)stack, n, NULL);
}

static inline struct ht_label *ht_share_labels(struct ht_share *c, struct ht_profile *p,
                                               const struct ht_label *labels, size_t n)
{
    return (struct ht_label *)ht_share_words(c, p, (const uint64_t *)labels, n * sizeof *labels / 8,
                                             NULL);
}

#endif

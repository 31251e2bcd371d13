/* SPDX-License-Identifier: MIT */
/* Cutting the ends of stacks off. */
#ifndef HEAPTAP_SRC_PROFILE_PRUNE_H
#define HEAPTAP_SRC_PROFILE_PRUNE_H

#include "profile/profile.h"
#include "profile/regex.h"

/* In each stack that has a match, drops all frames below (leafward of) its leafmost match. The
 * match stays. */
void ht_profile_prune_from(struct ht_profile *p, const struct ht_regex *re);

#endif

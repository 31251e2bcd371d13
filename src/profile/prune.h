/* SPDX-License-Identifier: MIT */
#ifndef HEAPTAP_SRC_PROFILE_PRUNE_H
#define HEAPTAP_SRC_PROFILE_PRUNE_H

#include "profile/profile.h"
#include "profile/regex.h"

/* Drops what is leafward of each stack's leafmost match, but not the match. */
void ht_profile_prune_from(struct ht_profile *p, const struct ht_regex *re);

#endif

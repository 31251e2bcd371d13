/* SPDX-License-Identifier: MIT */
#ifndef HEAPTAP_SRC_PROFILE_COMPATIBLE_H
#define HEAPTAP_SRC_PROFILE_COMPATIBLE_H

#include "profile/profile.h"

/* Gives all the same sample types, in the first one's order, and the same (finest) units. 0, or
 * -EINVAL with msg when they have no type in common or another period type. */
int ht_profiles_make_compatible(struct ht_profile *const *ps, size_t n, char *msg, size_t msg_size);

#endif

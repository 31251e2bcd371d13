/* SPDX-License-Identifier: MIT */
/* Making several profiles addable. */
#ifndef HEAPTAP_SRC_PROFILE_COMPATIBLE_H
#define HEAPTAP_SRC_PROFILE_COMPATIBLE_H

#include "profile/profile.h"

/* Reduces all profiles to the sample types that they share, in the first one's order, in the finest
 * unit of each. 0, or -EINVAL with msg: they share no type, or their period types differ. */
int ht_profiles_make_compatible(struct ht_profile *const *ps, size_t n, char *msg, size_t msg_size);

/* Keeps the sample types of a list ("inuse_objects,inuse_space"), in that order. 0, -ENOMEM, or
 * -EINVAL: it has not all of them, or one is named twice; each with a line in msg. */
int ht_profile_keep_types(struct ht_profile *p, const char *list, char *msg, size_t msg_size);

#endif

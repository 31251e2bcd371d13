/* SPDX-License-Identifier: MIT */
/*
 * A profile that is written while its samples go by: they are packed as they come, and all the rest
 * is a model, to which names may be added. So the memory it takes does not grow with the samples.
 *
 * One thread at a time on one of them.
 */
#ifndef HEAPTAP_SRC_PROFILE_APART_H
#define HEAPTAP_SRC_PROFILE_APART_H

#include "profile/profile.h"

struct ht_apart;

/* NULL when out of memory. */
struct ht_apart *ht_apart_create(void);
void ht_apart_destroy(struct ht_apart *a); /* NULL is accepted */

/* Takes whole fields of profile.proto, the sample types before the samples: a sink of
 * ht_stream_profile. 0 or -errno. */
int ht_apart_take(void *apart, const void *data, size_t size);

/* What was taken, without samples; the caller's. NULL with *err and a line in msg. */
struct ht_profile *ht_apart_rest(struct ht_apart *a, int *err, char *msg, size_t msg_size);

/* The profile, gzipped, in malloc'ed memory: the samples that were taken and the rest as it is now.
 * Only once, after which a may only be destroyed. 0, -ENOMEM, or -EINVAL: a sample names a location
 * that is not there. */
int ht_apart_finish(struct ht_apart *a, struct ht_profile *rest, void **data, size_t *size);

#endif

/* SPDX-License-Identifier: MIT */
/* What a process has mapped itself, by site, with what only a look at it says. */
#ifndef HEAPTAP_SRC_SNAPSHOT_MAPPINGS_H
#define HEAPTAP_SRC_SNAPSHOT_MAPPINGS_H

#include "profile/profile.h"
#include "snapshot/region.h"

/* Of the addresses from start to end: bytes that are mapped now, and bytes that are resident. */
typedef void (*ht_mapping_look_fn)(void *ctx, uint64_t start, uint64_t end, uint64_t *mapped,
                                   uint64_t *resident);

/* Whether mappings are recorded in the region. */
bool ht_region_has_mappings(const struct ht_region *r);

/*
 * A profile of the recorded mappings alone, without symbols: alloc_objects how many there are,
 * alloc_space what is mapped of them, inuse_space what is resident, as look says of each. NULL with
 * *err and one line in msg.
 */
struct ht_profile *ht_region_mappings(const struct ht_region *r, ht_mapping_look_fn look, void *ctx,
                                      int *err, char *msg, size_t msg_size);

#endif

/* SPDX-License-Identifier: MIT */
/* Figures by site that a reader has worked out, as a profile. */
#ifndef HEAPTAP_SRC_SNAPSHOT_SITE_SUMS_H
#define HEAPTAP_SRC_SNAPSHOT_SITE_SUMS_H

#include <stdbool.h>

#include "profile/profile.h"
#include "snapshot/region.h"

struct ht_site_sum {
    ht_ref site;
    struct ht_values values;
};

/* All zero: empty. */
struct ht_site_sums {
    struct ht_site_sum *list;
    size_t n, room;
    bool mappings; /* they are of mappings, else of the heap */
};

/* A site may be added many times. False: memory is out. */
bool ht_site_sums_add(struct ht_site_sums *s, ht_ref site, const struct ht_values *values);
void ht_site_sums_finish(struct ht_site_sums *s);

/* A profile with these values alone, in the four sample types of the heap, without symbols. Puts
 * the list in order. NULL with *err and one line in msg. */
struct ht_profile *ht_site_sums_profile(struct ht_site_sums *s, const struct ht_region *r, int *err,
                                        char *msg, size_t msg_size);

#endif

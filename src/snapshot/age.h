/* SPDX-License-Identifier: MIT */
/* Values of sites by the age of their live objects, from the live records of a copied region. */
#ifndef HEAPTAP_SRC_SNAPSHOT_AGE_H
#define HEAPTAP_SRC_SNAPSHOT_AGE_H

#include "region/stream.h"
#include "snapshot/region.h"

struct ht_age_filter;

/* Of a view of r. NULL when out of memory. Both must outlive it. */
struct ht_age_filter *ht_age_filter_create(const struct ht_region *r, const struct ht_view *view,
                                           const struct ht_region_ages *ages);
void ht_age_filter_destroy(struct ht_age_filter *f);

/* What ht_stream_options.part takes; its context is the filter. */
bool ht_age_filter_part(void *ctx, ht_ref ref, const struct ht_site *site, uint32_t index,
                        struct ht_stream_part *out);

#endif

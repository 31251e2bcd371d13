/* SPDX-License-Identifier: MIT */
#ifndef HEAPTAP_SRC_TARGET_SAMPLER_WEIGHT_CACHE_H
#define HEAPTAP_SRC_TARGET_SAMPLER_WEIGHT_CACHE_H

#include <stdint.h>

#include "region/weight.h"

/* What ht_weights says, from among the last ones where they are there: for sites that are a class
 * of sizes, whose weights are not one. Any thread, and signal handlers: lock-free. */
void ht_weight_cache_get(uint64_t size, uint64_t rate, struct ht_split *objects,
                         struct ht_split *bytes);

#endif

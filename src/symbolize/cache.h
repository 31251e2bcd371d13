/* SPDX-License-Identifier: MIT */
/*
 * Names that are kept from one report to the next: a file for each build-id in
 * $XDG_CACHE_HOME/heaptap or ~/.cache/heaptap. A file that cannot be used counts as missing.
 */
#ifndef HEAPTAP_SRC_SYMBOLIZE_CACHE_H
#define HEAPTAP_SRC_SYMBOLIZE_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "symbolize/frames.h"

struct ht_cache;
struct ht_segments;

/* The names for a build-id that were made from the files that `key` identifies; a key of 0 takes
 * them whatever they were made from (the files are gone). NULL when there are none. */
struct ht_cache *ht_cache_load(const char *build_id, uint64_t key);
void ht_cache_close(struct ht_cache *c);

/* The segments of the file, known also when the file is gone. */
const struct ht_segments *ht_cache_segments(const struct ht_cache *c);

/* Fills the frames of a sorted address list as far as they are known, and says how many were:
 * known[i] tells it for each, for an address can be known to have no name. The frames live as
 * long as the cache. */
size_t ht_cache_get(const struct ht_cache *c, struct ht_addr *addrs, unsigned char *known,
                    size_t n);

/* Writes the names of the sorted addresses, and of those of old (may be NULL) that are not among
 * them. A failure is ignored: the next report computes them again. */
void ht_cache_store(const char *build_id, uint64_t key, const struct ht_segments *segments,
                    const struct ht_cache *old, const struct ht_addr *addrs, size_t n);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Answers kept from one report to the next: a file a build-id in $XDG_CACHE_HOME/heaptap or
 * ~/.cache/heaptap. Whatever is wrong with a file, the answer is only that it is not there.
 */
#ifndef HEAPTAP_SRC_SYMBOLIZE_CACHE_H
#define HEAPTAP_SRC_SYMBOLIZE_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "symbolize/frames.h"

struct ht_cache;
struct ht_segments;

/* The answers for a build-id that were made from the files that key stands for; a key of 0 takes
 * them whatever they were made from (the files are gone). NULL when there are none. */
struct ht_cache *ht_cache_load(const char *build_id, uint64_t key);
void ht_cache_close(struct ht_cache *c);

/* Where the file's addresses are: known also when the file is gone. */
const struct ht_segments *ht_cache_segments(const struct ht_cache *c);

/* Fills the frames of a sorted address list as far as they are known, and says how many were:
 * known[i] tells it for each, for an address can be known to have no name. The frames live as
 * long as the cache. */
size_t ht_cache_get(const struct ht_cache *c, struct ht_addr *addrs, unsigned char *known,
                    size_t n);

/* Writes the sorted addresses and those of old (may be NULL) that are not among them. Failure is
 * no matter: the next report works it out again. */
void ht_cache_store(const char *build_id, uint64_t key, const struct ht_segments *segments,
                    const struct ht_cache *old, const struct ht_addr *addrs, size_t n);

#endif

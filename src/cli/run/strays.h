/* SPDX-License-Identifier: MIT */
/*
 * Processes of a run by what /proc says of them: those whose regions lie where the walk over our
 * directories does not come (another mount namespace, private memory), and those that have none of
 * their own yet (a fork's child without a sample).
 */
#ifndef HEAPTAP_SRC_CLI_RUN_STRAYS_H
#define HEAPTAP_SRC_CLI_RUN_STRAYS_H

#include "cli/run/regions.h"

/* Whether the walk over our directories comes to a file. */
typedef bool (*ht_run_walked_fn)(const struct ht_run_regions *r, uint64_t device, uint64_t inode);

/* Looks around. Of a region in another mount namespace a descriptor is kept: it goes with the last
 * process there. Unless it is the last time, at most a fiftieth of the time goes into it. */
void ht_run_strays_look(struct ht_run_regions *r, ht_run_walked_fn walked, bool last);

/* The process of a region, as it is numbered here; 0: it does not live, or is not to be seen. */
const struct ht_run_stray *ht_run_strays_find(const struct ht_run_regions *r, uint64_t device,
                                              uint64_t inode);

/* At the end: lists those that live, and writes the profiles of those that have ended. */
void ht_run_strays_settle(struct ht_run_regions *r, ht_run_walked_fn walked);

void ht_run_strays_finish(struct ht_run_regions *r);

#endif

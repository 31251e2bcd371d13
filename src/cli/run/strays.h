/* SPDX-License-Identifier: MIT */
/*
 * Processes of a run that are found through /proc: those whose region is in no directory of this
 * run (another mount namespace, private memory), and those that have none of their own yet (a
 * forked child without a sample).
 */
#ifndef HEAPTAP_SRC_CLI_RUN_STRAYS_H
#define HEAPTAP_SRC_CLI_RUN_STRAYS_H

#include "cli/run/regions.h"

/* True when a file is in one of the directories that are walked. */
typedef bool (*ht_run_walked_fn)(const struct ht_run_regions *r, uint64_t device, uint64_t inode);

/* Searches /proc. A region in another mount namespace is kept open, because it goes with the
 * last process there. Uses at most a fiftieth of the time, except when it is the last search. */
void ht_run_strays_look(struct ht_run_regions *r, ht_run_walked_fn walked, bool last);

/* The pid of a region's process here; 0: it does not live, or is not visible. */
const struct ht_run_stray *ht_run_strays_find(const struct ht_run_regions *r, uint64_t device,
                                              uint64_t inode);

/* At the end: lists processes that live, and writes the profiles of those that have ended. */
void ht_run_strays_collect(struct ht_run_regions *r, ht_run_walked_fn walked);

void ht_run_strays_finish(struct ht_run_regions *r);

#endif

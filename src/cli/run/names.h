/* SPDX-License-Identifier: MIT */
/* Adds names to the profiles of a run. */
#ifndef HEAPTAP_SRC_CLI_RUN_NAMES_H
#define HEAPTAP_SRC_CLI_RUN_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/run/regions.h"

struct ht_profile;

/* A profile of the run, named. Of a forked child without what it has from its parent. */
struct ht_run_named {
    struct ht_profile *profile;
    const struct ht_run_profile *of;
};

/*
 * Reads every profile of the run, adds names, and with `write` writes it back. There is no limit on
 * their number: on a terminal a progress line shows what takes long, and Ctrl-C (or another signal
 * that ends a program) leaves the remaining files with addresses only, which a line says. All files
 * get the mode that the umask gives.
 *
 * Those of a group (groups.h) are put into its file instead, and their own files removed.
 *
 * The first profiles, at most max, go to kept, to be destroyed by the caller. Returns how many.
 */
size_t ht_run_name(struct ht_run_regions *r, bool write, bool progress, struct ht_run_named *kept,
                   size_t max);

#endif

/* SPDX-License-Identifier: MIT */
/* After a run: names into its profiles. */
#ifndef HEAPTAP_SRC_CLI_RUN_NAMES_H
#define HEAPTAP_SRC_CLI_RUN_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/run/regions.h"

struct ht_profile;

/*
 * Reads every profile of the run, names it, and with `write` puts the names into its file. However
 * many there are: on a terminal a progress line says what takes long, and Ctrl-C (or another signal
 * that ends a program) leaves the rest as it is, with addresses only, which a line says. All files
 * get the mode that the umask gives.
 *
 * The first of the profiles, at most max, go to kept, to be destroyed by the caller. Returns how
 * many.
 */
size_t ht_run_name(struct ht_run_regions *r, bool write, bool progress, struct ht_profile **kept,
                   size_t max);

#endif

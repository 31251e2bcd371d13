/* SPDX-License-Identifier: MIT */
/* The flame graph as one HTML file that needs nothing but itself. */
#ifndef HEAPTAP_SRC_SERVE_FLAME_H
#define HEAPTAP_SRC_SERVE_FLAME_H

#include <stdbool.h>
#include <stdio.h>

struct ht_profile;

/* Writes the file; with a profile to compare with when before is not NULL. Of a large profile the
 * frames that are too narrow to be seen are put together, but with full. Changes the profiles'
 * marks. 0 or -errno. */
int ht_flame_write(FILE *out, struct ht_profile *p, struct ht_profile *before, const char *title,
                   bool full);

#endif

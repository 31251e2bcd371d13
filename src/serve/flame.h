/* SPDX-License-Identifier: MIT */
/* The flame graph as one HTML file that needs no other file. */
#ifndef HEAPTAP_SRC_SERVE_FLAME_H
#define HEAPTAP_SRC_SERVE_FLAME_H

#include <stdbool.h>
#include <stdio.h>

struct ht_profile;

/* Writes the file, compared with `before` when that is not NULL, with intervals of that confidence
 * (0.95) at first. In a large profile frames that
 * are too narrow to be seen are merged, unless `full`. Changes the profiles' marks. 0 or -errno. */
int ht_flame_write(FILE *out, struct ht_profile *p, struct ht_profile *before, const char *title,
                   double confidence, bool full);

#endif

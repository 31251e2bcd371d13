/* SPDX-License-Identifier: MIT */
/* Sizes, rates and ages in a few columns. */
#ifndef HEAPTAP_SRC_CLI_PROCESS_FIGURES_H
#define HEAPTAP_SRC_CLI_PROCESS_FIGURES_H

#include <stddef.h>

/* "0", "512B", "1.5kB", "-3.2MB", "12GB": three digits and a unit, 1024 apart. */
void ht_figure_bytes(double bytes, char *out, size_t size);

/* "950", "1.2k", "3.4M": a count. */
void ht_figure_count(double n, char *out, size_t size);

/* "42s", "13m", "5h02", "3d04h". */
void ht_figure_age(double seconds, char *out, size_t size);

#endif

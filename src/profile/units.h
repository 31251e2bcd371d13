/* SPDX-License-Identifier: MIT */
/* Units and how values are printed in them, to the digit as google/pprof does. */
#ifndef HEAPTAP_SRC_PROFILE_UNITS_H
#define HEAPTAP_SRC_PROFILE_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Converts value to to_unit ("auto" and "minimum" choose one). *unit, when not NULL, is the unit
 * to print, "" when none is worth it. It is a static string or to_unit itself. */
double ht_unit_scale(int64_t value, const char *from_unit, const char *to_unit, const char **unit);

/* "1.50MB": the value in the unit, as reports print it. Returns buf. */
char *ht_unit_label(int64_t value, const char *from_unit, const char *to_unit, char *buf,
                    size_t size);

/* "12.34%", five digits wide, of the absolute ratio. Returns buf. */
char *ht_percentage(int64_t value, int64_t total, char *buf, size_t size);

/* A word that says in which unit values are to be shown. */
bool ht_unit_known(const char *word);

/* Whether values of one unit can be converted to the other. */
bool ht_unit_compatible(const char *a, const char *b);

#endif

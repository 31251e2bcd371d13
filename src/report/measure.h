/* SPDX-License-Identifier: MIT */
/* Units and percentages as pprof prints them (google/pprof, internal/measurement). */
#ifndef HEAPTAP_SRC_REPORT_MEASURE_H
#define HEAPTAP_SRC_REPORT_MEASURE_H

#include <stdint.h>

#define HT_LABEL_MAX 96

/*
 * Converts value from one unit to another; "minimum" and "auto" choose the largest unit that
 * leaves at least 1. *unit receives the unit's name, "" when it says nothing (a count).
 */
double ht_scale(int64_t value, const char *from, const char *to, const char **unit);

/* value with its unit, two decimals, ".00" left out, "0" bare. Returns buf. */
const char *ht_scaled_label(char buf[HT_LABEL_MAX], int64_t value, const char *from,
                            const char *to);

/* |value / total| as a percentage, six columns wide. Returns buf. */
const char *ht_percentage(char buf[HT_LABEL_MAX], int64_t value, int64_t total);

int64_t ht_abs64(int64_t v);

#endif

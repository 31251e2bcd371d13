/* SPDX-License-Identifier: MIT */
/* Intervals in reports: what they are of, and how they are written. */
#ifndef HEAPTAP_SRC_REPORT_INTERVALS_H
#define HEAPTAP_SRC_REPORT_INTERVALS_H

#include "report/context.h"
#include "util/jansson.h"

/* Sets r->intervals, once the samples are those of the report. */
void ht_intervals_begin(struct ht_report *r);

/* Objects that were sampled, in all samples of the report. */
double ht_intervals_samples(const struct ht_report *r);

/* The interval's ends as values of the profile; false when there is none. */
bool ht_intervals_ends(const struct ht_report *r, const struct ht_evidence *e, int64_t *low,
                       int64_t *high);

/* True when text reports have the column: it was requested, and there are intervals. */
bool ht_intervals_shown(const struct ht_report *r);

/* The column of text reports: a node's, and its title; "" when it was not requested or there are
 * no intervals. */
const char *ht_intervals_column(const struct ht_report *r, const struct ht_graph_node *n, bool flat,
                                char buf[HT_VALUE_MAX]);
const char *ht_intervals_title(const struct ht_report *r, char buf[HT_VALUE_MAX]);

/* "±18%", or "(8.9–17)" in the unit of the value where it is lopsided; "" when there is none.
 * Padded to the left, to HT_INTERVAL_COLUMNS on a terminal. Returns buf. */
#define HT_INTERVAL_COLUMNS 15
const char *ht_intervals_text(const struct ht_report *r, const struct ht_evidence *e,
                              char buf[HT_VALUE_MAX]);

/* The same without padding. */
const char *ht_intervals_short(const struct ht_report *r, const struct ht_evidence *e,
                               char buf[HT_VALUE_MAX]);

/* KEY_low and KEY_high, where there is an interval. */
void ht_intervals_json(const struct ht_report *r, const struct ht_evidence *e, const char *key,
                       json_t *o);

/* "147 samples; a site that holds less than 1.5MB may not be listed (95 %)", or why there are no
 * intervals. "" when nobody asked. */
const char *ht_intervals_heading(const struct ht_report *r, char *buf, size_t size);

/* The largest rate (the present one divided by a power of 2) at which the samples of one part
 * (part_of[i] is the part of the i-th sample) would have given its value within `precision`
 * (0.1: 10 %); 1 when no rate would, 0 when the present one does. */
double ht_intervals_rate_for(const struct ht_report *r, const uint32_t *part_of, uint32_t part,
                             double value, double precision);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The region's table of label sets. Sets are never removed. There are HT_LABEL_SETS at most; the
 * last one stands for all sets that found no room. Nothing here calls malloc. Any thread, and
 * signal handlers that interrupt a hook.
 */
#ifndef HEAPTAP_SRC_TARGET_TABLES_LABEL_SETS_H
#define HEAPTAP_SRC_TARGET_TABLES_LABEL_SETS_H

#include <stdint.h>

#include "region/labels.h"

/* Makes the table of a region that is not in use yet. Without memory for it no labels are kept. */
void ht_label_sets_start(void);

/* The number of the set with this text of n labels, which is made when it is not there:
 * HT_LABELS_OTHER when that is not possible. 0: the region keeps none, or n is 0. */
uint32_t ht_label_set_intern(const unsigned char *text, uint32_t size, uint32_t n);

/* The set of a number that was interned; NULL of 0. */
const struct ht_label_set *ht_label_set_at(uint32_t number);

/* Adds a label to a text of *size bytes; its value is cut to what a label and the set may have.
 * False: there is no room for any of it. */
bool ht_label_add(unsigned char *text, uint32_t *size, const struct ht_label_pair *label);

#endif

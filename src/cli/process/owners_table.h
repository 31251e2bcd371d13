/* SPDX-License-Identifier: MIT */
/* The first answer about a process that has ended: the largest owners of its heap. */
#ifndef HEAPTAP_SRC_CLI_PROCESS_OWNERS_TABLE_H
#define HEAPTAP_SRC_CLI_PROCESS_OWNERS_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "profile/profile.h"

/* The sum of a sample type; 0 when p has no such type. */
int64_t ht_owners_table_total(const struct ht_profile *p, const char *type);
bool ht_owners_table_has(const struct ht_profile *p, const char *type);

/*
 * The sample type to show: what is in use at the end, unless that is only a few samples and
 * buffers, or less than a tenth of the peak (or `peak` is set); then the heap at its peak, where
 * that is known; then what was allocated, because most programs free nearly everything.
 */
const char *ht_owners_table_type(const struct ht_profile *p, bool peak);

/* The table, on standard error, below "in use at the end", and `more` ("" or words about it). Takes
 * p, with names. */
void ht_owners_table_print(struct ht_profile *p, const char *type, const char *more);

#endif

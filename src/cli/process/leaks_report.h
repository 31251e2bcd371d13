/* SPDX-License-Identifier: MIT */
/* What leaked, by owner, as text. */
#ifndef HEAPTAP_SRC_CLI_PROCESS_LEAKS_REPORT_H
#define HEAPTAP_SRC_CLI_PROCESS_LEAKS_REPORT_H

#include <stdio.h>

#include "leaks/sites.h"

/* shown: how many sites at most; 0: all. */
void ht_leaks_text(FILE *out, const struct ht_leaks *l, const struct ht_leak_sites *s,
                   size_t shown);

/* The line about memory that was not read, if some was not. */
void ht_leaks_text_unseen(FILE *out, const struct ht_leaks *l);

#endif

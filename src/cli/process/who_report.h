/* SPDX-License-Identifier: MIT */
/* Who holds blocks, as text. */
#ifndef HEAPTAP_SRC_CLI_PROCESS_WHO_REPORT_H
#define HEAPTAP_SRC_CLI_PROCESS_WHO_REPORT_H

#include <stdio.h>

#include "leaks/who.h"

/* shown: how many rows at most; 0: all. */
void ht_who_report(FILE *out, const struct ht_who *w, const char *site, size_t shown);

#endif

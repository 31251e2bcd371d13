/* SPDX-License-Identifier: MIT */
/* From SOURCE words to the profile a report is made of. */
#ifndef HEAPTAP_SRC_CLI_REPORT_LOAD_H
#define HEAPTAP_SRC_CLI_REPORT_LOAD_H

#include <stddef.h>

#include "cli/report/options.h"
#include "profile/profile.h"

/* Moves sources[first] to a->binary when it is an ELF file and other sources follow. */
void ht_load_take_binary(struct ht_report_args *a, size_t first);

/*
 * The sources from the first-th on, merged, minus the bases, with names, without the frames the
 * profile calls uninteresting: what pprof does before a report. NULL with one line in msg.
 */
struct ht_profile *ht_load_profile(struct ht_report_args *a, size_t first, int *err, char *msg,
                                   size_t msg_size);

/*
 * For diff: the bases and the sources from the first-th on in one profile, the bases first. Each
 * sample has a label with the number of its profile (HT_COMPARED_RUN). *c describes the profiles.
 * NULL with one line in msg; -ENODATA: one of them does not record how it was sampled.
 */
struct ht_profile *ht_load_compared(struct ht_report_args *a, size_t first, struct ht_compared *c,
                                    int *err, char *msg, size_t msg_size);

/* Filters the profile and sets its default sample type as the options say: for what shows a whole
 * profile and not a report. 0, or -EINVAL with one line in msg. */
int ht_load_narrow(struct ht_profile *p, const struct ht_report_options *o, char *msg,
                   size_t msg_size);

#endif

/* SPDX-License-Identifier: MIT */
/* From SOURCE words to the profile a report is made of. */
#ifndef HEAPTAP_SRC_CLI_LOAD_H
#define HEAPTAP_SRC_CLI_LOAD_H

#include <stddef.h>

#include "cli/report_options.h"
#include "profile/profile.h"

/*
 * The sources from the first-th on, merged, minus the bases, with names, without the frames the
 * profile calls uninteresting: what pprof does before a report. NULL with one line in msg.
 */
struct ht_profile *ht_load_profile(struct ht_report_args *a, size_t first, int *err, char *msg,
                                   size_t msg_size);

#endif

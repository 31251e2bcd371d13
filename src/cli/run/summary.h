/* SPDX-License-Identifier: MIT */
/* After a run: names into its profiles, and what people read on standard error. */
#ifndef HEAPTAP_SRC_CLI_RUN_SUMMARY_H
#define HEAPTAP_SRC_CLI_RUN_SUMMARY_H

#include <stdbool.h>

#include "cli/run/regions.h"

struct ht_run_summary {
    bool symbolize;         /* put names into the files */
    bool quiet;             /* print nothing but what could not be done */
    bool dormant;           /* --start=off */
    bool filtered;          /* it ended under a seccomp filter that we are not under */
    bool skipped;           /* it has been said why the program cannot be profiled */
    uint64_t most_resident; /* bytes, of the program or a child it waited for; 0: unknown */
    uint64_t rate;          /* 0: what the environment says */
    const char *program, *hint;
    const char *called; /* the program as the user wrote it */
};

void ht_run_summarize(struct ht_run_regions *r, const struct ht_run_summary *o);

#endif

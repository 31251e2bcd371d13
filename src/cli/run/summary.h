/* SPDX-License-Identifier: MIT */
/* After a run: adds names to its profiles, and prints the summary on standard error. */
#ifndef HEAPTAP_SRC_CLI_RUN_SUMMARY_H
#define HEAPTAP_SRC_CLI_RUN_SUMMARY_H

#include <stdbool.h>

#include "cli/run/regions.h"

struct ht_run_summary {
    bool symbolize;         /* put names into the files */
    bool quiet;             /* print failures only */
    bool merge;             /* all that have ended into one file */
    bool each;              /* a file of each child, however many */
    bool dormant;           /* --start=off */
    bool filtered;          /* it ended under a seccomp filter that this process is not under */
    bool skipped;           /* the reason why the program cannot be profiled was printed */
    uint64_t most_resident; /* bytes, of the program or a child it waited for; 0: unknown */
    uint64_t rate;          /* 0: from the environment */
    bool peak;              /* the peak was asked for: it is shown */
    const char *program, *hint;
    const char *called; /* the program as the user wrote it */
};

void ht_run_summarize(struct ht_run_regions *r, const struct ht_run_summary *o);

#endif

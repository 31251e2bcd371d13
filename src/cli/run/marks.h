/* SPDX-License-Identifier: MIT */
/* The marks of processes that could have no region in a file (target/process/mark.h). */
#ifndef HEAPTAP_SRC_CLI_RUN_MARKS_H
#define HEAPTAP_SRC_CLI_RUN_MARKS_H

#include "cli/run/regions.h"

struct ht_run_mark {
    uint32_t pid; /* in its own namespace */
};

/* Takes down and removes what the marks of ended processes of the run say. */
void ht_run_marks_settle(struct ht_run_regions *r, bool last);

void ht_run_marks_finish(struct ht_run_regions *r);

#endif

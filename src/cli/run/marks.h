/* SPDX-License-Identifier: MIT */
/* The marks of processes whose region could not be a file (target/process/mark.h). */
#ifndef HEAPTAP_SRC_CLI_RUN_MARKS_H
#define HEAPTAP_SRC_CLI_RUN_MARKS_H

#include "cli/run/regions.h"

struct ht_run_mark {
    uint32_t pid; /* in its own namespace */
};

/* Stores and removes the marks of this run's processes that have ended. */
void ht_run_marks_collect(struct ht_run_regions *r, bool last);

void ht_run_marks_finish(struct ht_run_regions *r);

#endif

/* SPDX-License-Identifier: MIT */
/* The parts of heaptap check. */
#ifndef HEAPTAP_SRC_CLI_CHECK_CHECK_H
#define HEAPTAP_SRC_CLI_CHECK_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile/profile.h"

enum ht_outcome {
    HT_HOLDS,
    HT_BROKEN,    /* the whole interval is beyond the limit */
    HT_UNDECIDED, /* the limit lies in the interval */
};

struct ht_check_result {
    enum ht_outcome outcome;
    char name[160];    /* "max-inuse parser:10MB" */
    char message[400]; /* a line: the figure, its interval, the limit */
};

/* output.c: the results as JUnit's XML into the file ("-": standard output), 0 or -errno; as
 * workflow commands of GitHub's on standard output. */
int ht_check_junit(const char *path, const struct ht_check_result *r, size_t n);
void ht_check_github(const struct ht_check_result *r, size_t n);

#endif

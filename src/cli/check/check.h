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

/* suppressions.c: "leak:PATTERN" a line, as LeakSanitizer has it (a part of a function's, file's or
 * binary's name; * stands for any text, ^ and $ for its ends), and "stack:PATTERN" of a whole
 * stack, "leaf < caller < main". '#' begins a comment. */
struct ht_suppressions {
    char **pattern;
    bool *whole;
    size_t n;
};

/* 0, or -errno with one line in msg. finish in any case. */
int ht_suppressions_read(struct ht_suppressions *s, const char *path, char *msg, size_t msg_size);
void ht_suppressions_finish(struct ht_suppressions *s);
bool ht_suppression_matches(const char *pattern, const char *text);

/* Takes the samples that match out of the profile. How many. */
size_t ht_suppressions_apply(const struct ht_suppressions *s, struct ht_profile *p);

/* output.c: the results as JUnit's XML into the file ("-": standard output), 0 or -errno; as
 * workflow commands of GitHub's on standard output. */
int ht_check_junit(const char *path, const struct ht_check_result *r, size_t n);
void ht_check_github(const struct ht_check_result *r, size_t n);

#endif

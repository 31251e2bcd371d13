/* SPDX-License-Identifier: MIT */
/* The parts of heaptap check. */
#ifndef HEAPTAP_SRC_CLI_CHECK_CHECK_H
#define HEAPTAP_SRC_CLI_CHECK_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "evidence/sampling.h"
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

struct ht_suppressions;

/* leaked.c: where the word names a process, looks for its leaks: *out is all it has in use, with
 * names, what leaked with the label "leak", less what is suppressed. *out NULL: it names none. 0 or
 * -errno with one line in msg. */
int ht_check_look(const char *word, const struct ht_suppressions *s, struct ht_profile **out,
                  size_t *suppressed, char *msg, size_t msg_size);

/* What leaked by the labels of a profile; `value` is inuse_space. -ENODATA: it was not looked at
 * for leaks. */
int ht_check_leaked(const struct ht_profile *p, const struct ht_sampling *sampling, size_t value,
                    double confidence, struct ht_check_result *r);

/* output.c: the results as JUnit's XML into the file ("-": standard output), 0 or -errno; as
 * workflow commands of GitHub's on standard output. */
int ht_check_junit(const char *path, const struct ht_check_result *r, size_t n);
void ht_check_github(const struct ht_check_result *r, size_t n);

#endif

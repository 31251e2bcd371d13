/* SPDX-License-Identifier: MIT */
/* Samples that are known, and left out. */
#ifndef HEAPTAP_SRC_PROFILE_SUPPRESSIONS_H
#define HEAPTAP_SRC_PROFILE_SUPPRESSIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "profile/profile.h"

/* "leak:PATTERN" a line, as LeakSanitizer has it (a part of a function's, file's or
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

/* Whether a line matches the sample's stack. */
bool ht_suppressions_match(const struct ht_suppressions *s, const struct ht_sample *sample);

/* Takes the samples that match out of the profile. How many. */
size_t ht_suppressions_apply(const struct ht_suppressions *s, struct ht_profile *p);

#endif

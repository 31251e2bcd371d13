/* SPDX-License-Identifier: MIT */
/* Regular expressions as pprof's options have them (RE2 syntax, served by PCRE2). */
#ifndef HEAPTAP_SRC_PROFILE_REGEX_H
#define HEAPTAP_SRC_PROFILE_REGEX_H

#include <stdbool.h>
#include <stddef.h>

struct ht_regex;

/* Compiles; what names the option in the message. 0, -EINVAL (msg says why) or -ENOMEM. */
int ht_regex_create(struct ht_regex **re, const char *pattern, const char *what, char *msg,
                    size_t msg_size);
void ht_regex_destroy(struct ht_regex *re);

/* Whether it matches anywhere in s. Work is bounded: a pattern that would run away matches not. */
bool ht_regex_match(const struct ht_regex *re, const char *s);

#endif

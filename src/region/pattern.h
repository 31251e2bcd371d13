/* SPDX-License-Identifier: MIT */
/* Output patterns, expanded without allocation: by the target in its dumps, by `run` outside. */
#ifndef HEAPTAP_SRC_REGION_PATTERN_H
#define HEAPTAP_SRC_REGION_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ht_pattern {
    const char *name, *host; /* %e, %h */
    uint32_t pid, number;    /* %p, %n */
    uint64_t seconds;        /* %t: since 1970 */
    bool last;               /* not numbered unless the pattern says %n */
    bool relative; /* not the process that was started: its pid is added when %p is missing */
};

/* False when it does not fit. */
bool ht_pattern_expand(char *out, size_t size, const char *pattern, const struct ht_pattern *v);

/* The first character after a % that is not a word; '%' for a % at the end; 0 when the pattern
 * is valid. */
char ht_pattern_check(const char *pattern);

/* Puts `.N` before a final .pb.gz, or at the end. False when it does not fit. */
bool ht_pattern_insert(char *path, size_t size, uint64_t n);

/* The same with a text. */
bool ht_pattern_insert_text(char *path, size_t size, const char *text);

#endif

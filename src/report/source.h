/* SPDX-License-Identifier: MIT */
/* A source file found by the name a profile gives it. */
#ifndef HEAPTAP_SRC_REPORT_SOURCE_H
#define HEAPTAP_SRC_REPORT_SOURCE_H

#include <stddef.h>
#include <stdint.h>

struct ht_source {
    char *text; /* lines end in '\0' */
    char **lines;
    size_t n_lines;
};

/* Looks where the name says or, for a relative one, in the directories of search (':' between;
 * NULL: the current one) and their parents; trim as in ht_path_trim. 0 or -errno with msg. */
int ht_source_open(struct ht_source *s, const char *name, const char *search, const char *trim,
                   char *msg, size_t msg_size);
void ht_source_close(struct ht_source *s);

/* Line number n, from 1; NULL behind the last. */
const char *ht_source_line(const struct ht_source *s, int64_t n);

#endif

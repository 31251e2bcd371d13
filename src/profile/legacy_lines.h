/* SPDX-License-Identifier: MIT */
/* The lines of a text heap profile. Private to src/profile. */
#ifndef HEAPTAP_SRC_PROFILE_LEGACY_LINES_H
#define HEAPTAP_SRC_PROFILE_LEGACY_LINES_H

#include <stdbool.h>
#include <stddef.h>

struct ht_lines {
    const char *at, *end;        /* what is still to be read */
    const char *line, *line_end; /* the current line, without the space around it */
    size_t number;
};

bool ht_lines_next(struct ht_lines *in);

/* The same, skipping empty lines and comments ('#'). */
bool ht_lines_next_full(struct ht_lines *in);

/* The start of the current line after a log's prefix ("I0101 12:00:00 7 file.cc:12] "); without
 * a prefix, its start. Programs write such profiles to their logs too. */
const char *ht_lines_message(const struct ht_lines *in);

/* True when the current line contains the text, or begins with it. */
bool ht_lines_has(const struct ht_lines *in, const char *what);
bool ht_lines_starts(const struct ht_lines *in, const char *what);

/* True when the current line announces the memory map. */
bool ht_lines_at_maps(const struct ht_lines *in);

#endif

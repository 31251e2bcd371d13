/* SPDX-License-Identifier: MIT */
/* The parts of reading a text heap profile. Private to src/profile. */
#ifndef HEAPTAP_SRC_PROFILE_LEGACY_H
#define HEAPTAP_SRC_PROFILE_LEGACY_H

#include "profile/profile.h"

struct ht_lines {
    const char *at, *end;         /* what is still to be read */
    const char *line, *line_end;  /* the line at hand, without the space around it */
    size_t number;
};

bool ht_lines_next(struct ht_lines *in);

/* The same, past empty lines and comments ('#'). */
bool ht_lines_next_full(struct ht_lines *in);

/* Where the line at hand begins behind a log's prefix ("I0101 12:00:00 7 file.cc:12] "), without
 * one at its start: programs write such profiles to their logs too. */
const char *ht_lines_message(const struct ht_lines *in);

/* Whether the line at hand announces the memory map. */
bool ht_lines_at_maps(const struct ht_lines *in);

/* legacy_attributes.c. All zero: no attribute. */
struct ht_attributes {
    struct attribute *v;
    size_t n;
    char *expanded;
};

/* Takes a line "name=value" in; any other, and one too many, is left alone. 0 or -ENOMEM. */
int ht_attributes_define(struct ht_attributes *a, const char *line, const char *end);

/* Puts the values in for "$name", into memory of a's that the next call overwrites. 0, -ENOMEM, or
 * -E2BIG for a line that grows too long. */
int ht_attributes_expand(struct ht_attributes *a, const char **line, const char **end);

void ht_attributes_finish(struct ht_attributes *a);

/* legacy_maps.c: reads the memory map that follows and gives every location its mapping. 0, or
 * -errno with msg. */
int ht_legacy_read_maps(struct ht_profile *p, struct ht_lines *in, char *msg, size_t msg_size);

/* legacy_frames.c: the frames of allocators, which pprof drops from such profiles. 0, -ENOMEM */
int ht_legacy_set_frames(struct ht_profile *p, bool jemalloc);

#endif

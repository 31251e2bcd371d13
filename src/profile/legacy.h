/* SPDX-License-Identifier: MIT */
/* The parts of reading a text heap profile. Private to src/profile. */
#ifndef HEAPTAP_SRC_PROFILE_LEGACY_H
#define HEAPTAP_SRC_PROFILE_LEGACY_H

#include "profile/legacy_lines.h"
#include "profile/profile.h"

/* legacy_attributes.c. All zero: no attribute. */
struct ht_attributes {
    struct attribute *v;
    size_t n;
    char *expanded;
};

/* Stores a line "name=value"; ignores any other, and lines beyond the limit. 0 or -ENOMEM. */
int ht_attributes_define(struct ht_attributes *a, const char *line, const char *end);

/* Replaces "$name" by its value, in memory of a's that the next call overwrites. 0, -ENOMEM, or
 * -E2BIG for a line that becomes too long. */
int ht_attributes_expand(struct ht_attributes *a, const char **line, const char **end);

void ht_attributes_finish(struct ht_attributes *a);

/* legacy_maps.c: reads the memory map that follows and gives every location its mapping. 0, or
 * -errno with msg. */
int ht_legacy_read_maps(struct ht_profile *p, struct ht_lines *in, char *msg, size_t msg_size);

/* legacy_frames.c: the frames of allocators, which pprof drops from such profiles. 0, -ENOMEM */
int ht_legacy_set_frames(struct ht_profile *p, bool jemalloc);

#endif

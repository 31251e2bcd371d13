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

/* Whether the line at hand announces the memory map. */
bool ht_lines_at_maps(const struct ht_lines *in);

/* legacy_maps.c: reads the memory map that follows and gives every location its mapping. 0, or
 * -errno with msg. */
int ht_legacy_read_maps(struct ht_profile *p, struct ht_lines *in, char *msg, size_t msg_size);

/* legacy_frames.c: the frames of allocators, which pprof drops from such profiles. 0, -ENOMEM */
int ht_legacy_set_frames(struct ht_profile *p, bool jemalloc);

#endif

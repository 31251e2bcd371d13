/* SPDX-License-Identifier: MIT */
/* The strings that every profile of a region begins with, and its comments of losses. For stream.c
 * alone. */
#ifndef HEAPTAP_SRC_REGION_STREAM_STRINGS_H
#define HEAPTAP_SRC_REGION_STREAM_STRINGS_H

#include "region/layout.h"

/* The fixed part of the string table; the enum must follow it. */
static const char *const fixed_strings[] = {
    "",
    "alloc_objects",
    "count",
    "alloc_space",
    "bytes",
    "inuse_objects",
    "inuse_space",
    "mmap_objects",
    "mmap_space",
    "peak_objects",
    "peak_space",
    "space",
    "heaptap " HT_VERSION,
    "age",
    "seconds",
    /* The allocation family: readers drop these frames and what they called (drop_frames
     * is matched on names with parameters cut). */
    "malloc|calloc|realloc|reallocarray|free|cfree|posix_memalign|aligned_alloc|memalign|valloc|"
    "pvalloc|operator new|operator new\\[\\]|operator delete|operator delete\\[\\]|mallocx|rallocx|"
    "tc_malloc|tc_calloc|tc_realloc|tc_new|tc_newarray|_Znwm|_Znam",
    "[folded]",
    HT_TRUNCATED,
};
enum {
    S_EMPTY,
    S_ALLOC_OBJECTS,
    S_COUNT,
    S_ALLOC_SPACE,
    S_BYTES,
    S_INUSE_OBJECTS,
    S_INUSE_SPACE,
    S_MMAP_OBJECTS,
    S_MMAP_SPACE,
    S_PEAK_OBJECTS,
    S_PEAK_SPACE,
    S_SPACE,
    S_VERSION,
    S_AGE,
    S_SECONDS,
    S_DROP,
    S_FOLDED,
    S_TRUNCATED,
    S_FIXED
};

/* Comments by enum ht_loss; the number of samples follows. */
static const char *const lost_strings[HT_LOSS_COUNT] = {
    "lost: table full: ",           "lost: signal handler inside a hook: ",
    "lost: table busy: ",           "lost: stale live records replaced: ",
    "lost: frees not taken down: ",
};

#endif

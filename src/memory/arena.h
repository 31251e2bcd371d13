/* SPDX-License-Identifier: MIT */
/* Where things stand in an arena of glibc's malloc. Within the room. */
#ifndef HEAPTAP_SRC_MEMORY_ARENA_H
#define HEAPTAP_SRC_MEMORY_ARENA_H

#include "memory/memory.h"

enum {
    HT_GLIBC_BINS = 127,
    HT_GLIBC_BIN_BYTES = 16,
    HT_GLIBC_FAST_BINS = 10,
    HT_GLIBC_ARENAS_MAX = 4096,
    HT_GLIBC_HEAP_ALIGN = 64 << 20,
    HT_GLIBC_IS_MMAPPED = 2,
    HT_GLIBC_FLAGS = 7, /* the lowest bits of a chunk's size */
};

/* Offsets in struct malloc_state. */
struct ht_glibc_form {
    uint64_t fast, top, bins, next, system;
};

/* glibc.c: the address of main_arena, in libc's data or, in a static program, in its own. 0: not
 * found. *n: how many arenas there are. */
uint64_t ht_glibc_find_main(struct ht_remote *r, const struct ht_glibc_form **form, unsigned *n);

#endif

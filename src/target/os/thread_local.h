/* SPDX-License-Identifier: MIT */
/*
 * A thread-local pointer that another object exports, read on the calling thread without the
 * loader:
 * __tls_get_addr may allocate. glibc's x86-64 layout: static TLS lies below the thread pointer, and
 * the word behind it leads to the table of blocks.
 */
#ifndef HEAPTAP_SRC_TARGET_OS_THREAD_LOCAL_H
#define HEAPTAP_SRC_TARGET_OS_THREAD_LOCAL_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

#include "target/os/unknown_memory.h"

struct ht_thread_local {
    uint64_t module; /* number of the object's TLS block; 0: it is in static TLS */
    uint64_t offset; /* in that block, or from the thread pointer */
};

/*
 * Finds the variable that an object, which cannot be unloaded meanwhile, defines in .dynsym. For a
 * program's own by the layout, else by the relocations that refer to it (TLSDESC, TPOFF64,
 * DTPMOD64). False: it is not there, or cannot be found.
 */
bool ht_thread_local_find(const struct link_map *l, const char *name, struct ht_thread_local *out);

/* The pointer on the calling thread; 0: it is NULL, or the thread has no block yet. */
uint64_t ht_thread_local_read(const struct ht_thread_local *t, struct ht_unknown_memory *m);

#endif

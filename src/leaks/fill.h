/* SPDX-License-Identifier: MIT */
/* Measures from outside how full the pages of glibc's heaps are, by a walk over all chunks. */
#ifndef HEAPTAP_SRC_LEAKS_FILL_H
#define HEAPTAP_SRC_LEAKS_FILL_H

#include <stddef.h>
#include <stdint.h>

#include "memory/memory.h"

struct ht_heap_fill_part {
    uint64_t start, end; /* page-aligned */
    uint64_t *used;      /* a bit for each 16 bytes: they belong to a chunk in use */
};

struct ht_heap_fill {
    struct ht_heap_fill_part *part; /* by address */
    size_t n;
    uint64_t not_walked; /* bytes in which no chunks were recognised */
};

/*
 * Walks the heaps while the process runs. Takes some 8 MB of memory for each GB of heaps. 0, or
 * -errno with one line in msg: -ENOTSUP (the allocator is not glibc's), -ESRCH (the process has
 * ended). ht_heap_fill_finish in either case.
 */
int ht_heap_fill_read(struct ht_remote *r, struct ht_heap_fill *f, char *msg, size_t msg_size);
void ht_heap_fill_finish(struct ht_heap_fill *f);

/* How many bytes of the page at an address belong to chunks in use; 0 outside of the heaps. */
uint32_t ht_heap_fill_of(const struct ht_heap_fill *f, uint64_t address);

/* Counts the pages on which at least one byte and at most `most` bytes are in use, and adds up the
 * bytes in use on them. */
void ht_heap_fill_sum(const struct ht_heap_fill *f, uint32_t most, uint64_t *pages, uint64_t *used);

#endif

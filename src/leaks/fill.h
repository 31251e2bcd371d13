/* SPDX-License-Identifier: MIT */
/* How full the pages of glibc's heaps are: by walking over all chunks, from outside. */
#ifndef HEAPTAP_SRC_LEAKS_FILL_H
#define HEAPTAP_SRC_LEAKS_FILL_H

#include <stddef.h>
#include <stdint.h>

#include "memory/memory.h"

struct ht_heap_fill_part {
    uint64_t start, end; /* of pages */
    uint64_t *used;      /* a bit for each granule of 16 bytes: of a chunk in use */
};

struct ht_heap_fill {
    struct ht_heap_fill_part *part; /* by address */
    size_t n;
    uint64_t not_walked; /* bytes that could not be made sense of */
};

/*
 * Takes some 8 MB for each GB of heaps. The process goes on meanwhile. 0, or -errno with one line
 * in msg: -ENOTSUP the allocator is not glibc's, -ESRCH it has ended. finish in any case.
 */
int ht_heap_fill_read(struct ht_remote *r, struct ht_heap_fill *f, char *msg, size_t msg_size);
void ht_heap_fill_finish(struct ht_heap_fill *f);

/* Bytes of the page at an address that chunks in use have; 0 where none has, and outside of the
 * heaps. */
uint32_t ht_heap_fill_of(const struct ht_heap_fill *f, uint64_t address);

/* All pages of which so many bytes at most are in use, and some: how many, and what is in use on
 * them. */
void ht_heap_fill_sum(const struct ht_heap_fill *f, uint32_t most, uint64_t *pages, uint64_t *used);

#endif

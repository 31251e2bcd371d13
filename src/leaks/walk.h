/* SPDX-License-Identifier: MIT */
/* The chunks of a heap of glibc's malloc, one behind the other, and the words in those in use. */
#ifndef HEAPTAP_SRC_LEAKS_WALK_H
#define HEAPTAP_SRC_LEAKS_WALK_H

#include "leaks/areas.h"
#include "memory/memory.h"

/* Who is told. Addresses rise. */
struct ht_leak_walk_to {
    /* A chunk. It ends at at + size, and its block at 8 bytes more: the next one's first word is
     * this one's while it is in use. */
    void (*chunk)(void *ctx, uint64_t at, uint64_t size, bool used);
    /* Words of the last chunk that was told, which is in use; may be called again for it. With
     * `runs`, of several chunks that follow one another, their heads among them. */
    void (*words)(void *ctx, uint64_t at, const uint64_t *words, size_t n);
    bool runs;
    /* The walk begins again: chunks at `from` and above are to be forgotten. */
    void (*again)(void *ctx, uint64_t from);
    /* The walk that began at `first` has ended: behind `at` are a free chunk, or what is not known
     * to be chunks. */
    void (*end)(void *ctx, uint64_t first, uint64_t at);
    /* Of the last chunk told it is not known whether it still is one. */
    void (*doubt)(void *ctx, uint64_t at);
    /* Words that lie in no known chunk. */
    void (*loose)(void *ctx, uint64_t at, const uint64_t *words, size_t n);
    void *ctx;
};

/*
 * Walks and reads. The process goes on meanwhile: where what was read is no row of chunks it is
 * read again, from further and further back; and what cannot be made sense of at last is loose.
 * *not_walked: bytes of it, added. 0 or -errno as ht_leak_reader_read. d->fn and d->ctx are
 * changed.
 */
int ht_leak_walk(struct ht_leak_reader *d, const struct ht_memory_heaps *of,
                 const struct ht_memory_heap *h, const struct ht_leak_walk_to *to,
                 uint64_t *not_walked);

#endif

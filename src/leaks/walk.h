/* SPDX-License-Identifier: MIT */
/* Walks a heap of glibc's malloc chunk by chunk, and reads the words of the chunks in use. */
#ifndef HEAPTAP_SRC_LEAKS_WALK_H
#define HEAPTAP_SRC_LEAKS_WALK_H

#include "leaks/areas.h"
#include "memory/memory.h"

/* What the walk calls. Addresses rise from call to call. */
struct ht_leak_walk_to {
    /* A chunk. It ends at at + size. The block in it ends 8 bytes later, because the first word of
     * the next chunk belongs to it while it is in use. */
    void (*chunk)(void *ctx, uint64_t at, uint64_t size, bool used);
    /* Words of the last chunk, which is in use; may be called several times for one chunk. With
     * `runs`: words of several adjacent chunks, with their heads. */
    void (*words)(void *ctx, uint64_t at, const uint64_t *words, size_t n);
    bool runs;
    /* The walk begins again at `from`: chunks at that address and above are void. */
    void (*again)(void *ctx, uint64_t from);
    /* The walk that began at `first` has ended at `at`. What follows is a free chunk, or memory in
     * which no chunks were recognised. */
    void (*end)(void *ctx, uint64_t first, uint64_t at);
    /* It is not known whether the last chunk still exists. */
    void (*doubt)(void *ctx, uint64_t at);
    /* Words of memory in which no chunks were recognised. */
    void (*loose)(void *ctx, uint64_t at, const uint64_t *words, size_t n);
    void *ctx;
};

/*
 * Walks a heap while the process runs. Where the memory is no valid sequence of chunks it is read
 * again, from further back each time. Memory that is still not valid then is passed to `loose`, and
 * its bytes are added to *not_walked. 0 or -errno, as ht_leak_reader_read. Changes d->fn and
 * d->ctx.
 */
int ht_leak_walk(struct ht_leak_reader *d, const struct ht_memory_heaps *of,
                 const struct ht_memory_heap *h, const struct ht_leak_walk_to *to,
                 uint64_t *not_walked);

#endif

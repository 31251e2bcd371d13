/* SPDX-License-Identifier: MIT */
/* All of glibc's heap in a sampled process: finds the blocks that nothing leads to. One thread at a
 * time. */
#ifndef HEAPTAP_SRC_LEAKS_HEAP_H
#define HEAPTAP_SRC_LEAKS_HEAP_H

#include "leaks/areas.h"
#include "leaks/roots.h"
#include "memory/memory.h"

#define HT_LEAK_NOWHERE SIZE_MAX

/* A range of addresses filled by chunks: a heap, or a block with a mapping of its own. */
struct ht_leak_space {
    uint64_t start, end;
    uint32_t base; /* the number of its first granule (16 bytes); spaces are numbered in a row */
    bool mapped;
    bool met; /* mapped: some of it was read */
};

/*
 * The graph of one pass: every chunk, and for every pointer from one chunk into another an edge of
 * 4 bytes. So a heap of 1 GB of which a quarter are pointers takes 128 MB.
 */
struct ht_leak_heap {
    struct ht_leak_space *space;     /* by address; the mapped ones first */
    size_t n_spaces, n_mapped, last; /* last: the space of the last look-up */
    uint64_t low, high;
    uint64_t *starts, *touched; /* a bit for each granule: a chunk begins; a root points there */
    uint32_t *rank;             /* for each 64 granules: how many chunks begin before them */
    uint32_t granules;
    uint32_t *start, *first;    /* of each chunk: its granule, its first edge */
    uint32_t *to;               /* edges, in the order of their chunks: the granule pointed to */
    uint64_t *unused, *reached; /* a bit for each chunk */
    size_t n, room, n_edges, edge_room;
    uint32_t behind;             /* the granule behind the last chunk */
    uint64_t limit;              /* bytes that all of this may take */
    struct ht_leak_roots *roots; /* words outside that point to a granule; may be NULL */
    int failed;                  /* -ENOMEM, -E2BIG, -EINVAL */
};

/* mapped: the chunks with mappings of their own, by address. NULL: out of memory. */
struct ht_leak_heap *ht_leak_heap_create(const struct ht_memory_heaps *heaps,
                                         const struct ht_leak_space *mapped, size_t n_mapped,
                                         uint64_t limit);
void ht_leak_heap_destroy(struct ht_leak_heap *g);

/* For reading, in this order: the words of all other memory, by address (ht_leak_heap_loose and
 * _root), then the heaps, by address (ht_leak_walk with what ht_leak_heap_walk_to sets). */
struct ht_leak_walk_to;
void ht_leak_heap_walk_to(struct ht_leak_heap *g, struct ht_leak_walk_to *to);
void ht_leak_heap_loose(void *ctx, uint64_t at, const uint64_t *words, size_t n);
/* Takes a word in. at: its address, or ht_leak_loose for one that lies in no memory. */
void ht_leak_heap_root(struct ht_leak_heap *g, uint64_t at, uint64_t word);

/* After reading: numbers the chunks, so that the functions below may be called. 0, -ENOMEM, -E2BIG
 * or -EINVAL. */
int ht_leak_heap_seal(struct ht_leak_heap *g);

/* The chunk in use that a granule belongs to; HT_LEAK_NOWHERE: none. */
size_t ht_leak_heap_chunk_of(const struct ht_leak_heap *g, uint32_t granule);

/* How many granules the chunk has. */
uint32_t ht_leak_heap_granules(const struct ht_leak_heap *g, size_t chunk);

/* Calls ht_leak_heap_seal, then follows pointers from the roots. 0, -ENOMEM, or -E2BIG: the limit
 * is too low. */
int ht_leak_heap_reach(struct ht_leak_heap *g);

/* The chunk that contains an address of a block; HT_LEAK_NOWHERE: none. After ht_leak_heap_reach.
 */
size_t ht_leak_heap_chunk(struct ht_leak_heap *g, uint64_t at);
bool ht_leak_heap_is_reached(const struct ht_leak_heap *g, size_t chunk);

/* The chunks that nothing leads to, as blocks; `head` is 1 for one with a mapping of its own. *n:
 * how many. The caller frees the result. NULL: out of memory. */
struct ht_leak_block *ht_leak_heap_unreached(const struct ht_leak_heap *g, size_t *n);

#endif

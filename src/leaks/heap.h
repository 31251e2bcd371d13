/* SPDX-License-Identifier: MIT */
/* glibc's heap as a whole, in a sampled process: which of all its blocks nothing leads to. */
#ifndef HEAPTAP_SRC_LEAKS_HEAP_H
#define HEAPTAP_SRC_LEAKS_HEAP_H

#include "leaks/areas.h"
#include "leaks/roots.h"
#include "memory/memory.h"

#define HT_LEAK_NOWHERE SIZE_MAX

/* A part of the address space that chunks fill: a heap, or a block with a mapping of its own. */
struct ht_leak_space {
    uint64_t start, end;
    uint32_t base; /* its first granule, of 16 bytes: all spaces follow one another */
    bool mapped;
    bool met; /* a mapped one: some of it was read */
};

/*
 * The graph of one pass: every chunk, and every word in one that points into another. A word is an
 * index of 4 bytes, so a heap of 1 GB of which a quarter is pointers takes 128 MB.
 */
struct ht_leak_heap {
    struct ht_leak_space *space;     /* by address; the mapped ones first */
    size_t n_spaces, n_mapped, last; /* last: where a word was looked up */
    uint64_t low, high;
    uint64_t *starts, *touched; /* a bit for each granule: a chunk begins; a root points there */
    uint32_t *rank;             /* chunks that begin before each 64 granules */
    uint32_t granules;
    uint32_t *start, *first;    /* of each chunk: its granule, its first edge */
    uint32_t *to;               /* edges, by where they begin: the granule */
    uint64_t *unused, *reached; /* a bit for each chunk */
    size_t n, room, n_edges, edge_room;
    uint32_t behind;             /* the granule behind the last chunk */
    uint64_t limit;              /* bytes that all this may take */
    struct ht_leak_roots *roots; /* NULL, or where the words lie that point there from outside, by
                                    granule */
    int failed;                  /* -ENOMEM, -E2BIG, -EINVAL */
};

/* A block with a mapping of its own, by its chunk; spaces by address. */
struct ht_leak_heap *ht_leak_heap_create(const struct ht_memory_heaps *heaps,
                                         const struct ht_leak_space *mapped, size_t n_mapped,
                                         uint64_t limit);
void ht_leak_heap_destroy(struct ht_leak_heap *g);

/* Reading: chunks of a heap, by ht_leak_walk, heap after heap by address, and before them words of
 * all other memory, by address. */
struct ht_leak_walk_to;
void ht_leak_heap_walk_to(struct ht_leak_heap *g, struct ht_leak_walk_to *to);
void ht_leak_heap_loose(void *ctx, uint64_t at, const uint64_t *words, size_t n);
/* A word that lies at `at`, or of no memory (ht_leak_loose). */
void ht_leak_heap_root(struct ht_leak_heap *g, uint64_t at, uint64_t word);

/* After reading: numbers the chunks, so that the functions below may be called. 0, -ENOMEM, -E2BIG
 * or -EINVAL. */
int ht_leak_heap_seal(struct ht_leak_heap *g);

/* The chunk in use that a granule belongs to; HT_LEAK_NOWHERE: none. */
size_t ht_leak_heap_chunk_of(const struct ht_leak_heap *g, uint32_t granule);

/* Granules that the chunk has. */
uint32_t ht_leak_heap_granules(const struct ht_leak_heap *g, size_t chunk);

/* Seals, and follows pointers from the roots. 0, -ENOMEM, or -E2BIG where limit does not suffice.
 */
int ht_leak_heap_reach(struct ht_leak_heap *g);

/* The chunk that an address of a block lies in; HT_LEAK_NOWHERE: none. After _reach. */
size_t ht_leak_heap_chunk(struct ht_leak_heap *g, uint64_t at);
bool ht_leak_heap_is_reached(const struct ht_leak_heap *g, size_t chunk);

/* Chunks that nothing leads to, as blocks, with head 1 where one has a mapping of its own. *n: how
 * many. NULL: out of memory. */
struct ht_leak_block *ht_leak_heap_unreached(const struct ht_leak_heap *g, size_t *n);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Where a process's resident memory is, from outside: every page of /proc/PID/smaps in one
 * category, and what glibc's malloc keeps free, read from its arenas. The process need not be
 * profiled and is not stopped, so the figures of a busy one are of slightly different moments.
 */
#ifndef HEAPTAP_SRC_MEMORY_MEMORY_H
#define HEAPTAP_SRC_MEMORY_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memory/allocators.h"
#include "remote/remote.h"

enum ht_memory_kind {
    HT_MEMORY_HEAP,      /* what the allocator has from the kernel */
    HT_MEMORY_ANONYMOUS, /* other memory without a file */
    HT_MEMORY_STACKS,
    HT_MEMORY_CODE, /* the program and its libraries */
    HT_MEMORY_FILES,
    HT_MEMORY_SHARED, /* shared memory: /dev/shm, memfd, System V */
    HT_MEMORY_OURS,   /* heaptap's library and region */
    HT_MEMORY_KINDS,
};

/* Bytes. */
struct ht_memory_part {
    uint64_t resident, mapped, swapped;
    size_t maps;
};

/* glibc's malloc, as mallinfo2() counts; what threads keep in their caches counts as in use. */
struct ht_memory_glibc {
    bool found;
    bool cut; /* too many free chunks, or they changed meanwhile: free is more than this */
    unsigned arenas;
    uint64_t taken;     /* from the kernel, into arenas */
    uint64_t free, top; /* of them: free in all, and behind the last block of each arena */
    uint64_t mapped;    /* blocks in mappings of their own */
    size_t n_mapped;
};

struct ht_memory {
    struct ht_memory_part of[HT_MEMORY_KINDS];
    struct ht_memory_part all;
    uint64_t kernel_resident; /* VmRSS, read last */
    unsigned threads;
    struct ht_memory_glibc glibc;
    struct ht_memory_jemalloc jemalloc;
    struct ht_memory_tcmalloc tcmalloc;
    /* The library that is the allocator: "libjemalloc.so.2"; "jemalloc" or "tcmalloc" when it is
     * in the program; "" for glibc's. */
    char allocator[64];
    bool python; /* CPython is in it, and was not told to use malloc */
};

/* sampled: addresses of live objects, sorted; where the allocator is not glibc's, the mappings that
 * they lie in are its. May be NULL. 0, or -errno with one line in msg. */
int ht_memory_look(struct ht_remote *r, const uint64_t *sampled, size_t n_sampled,
                   struct ht_memory *m, char *msg, size_t msg_size);

const char *ht_memory_kind_name(enum ht_memory_kind kind);

/* --- pages.c ------------------------------------------------------------------------------------
 */

/* file: /proc/PID/pagemap, or -1 when it may not be read: then nothing is known to be resident. */
struct ht_memory_pages {
    struct ht_remote *r;
    int file;
};
void ht_memory_pages_open(struct ht_memory_pages *p, struct ht_remote *r);
void ht_memory_pages_close(struct ht_memory_pages *p);

/* Of a range, by the maps that r has read: bytes that are mapped, and bytes that are resident.
 * pages is a struct ht_memory_pages. */
void ht_memory_range(void *pages, uint64_t start, uint64_t end, uint64_t *mapped, uint64_t *in);

/* --- glibc.c ------------------------------------------------------------------------------------
 */

/* Called with the ranges that glibc's malloc has. */
typedef void (*ht_memory_range_fn)(void *arg, uint64_t start, uint64_t end);

/* Finds the arenas in libc's data by their form: it needs no symbols. */
void ht_memory_glibc(struct ht_remote *r, struct ht_memory_glibc *g, ht_memory_range_fn fn,
                     void *arg);

/* A heap: chunks lie in it one behind the other. Of main_arena it is memory from brk(2). */
struct ht_memory_heap {
    uint64_t start, end;
    uint64_t first;  /* the first chunk */
    uint64_t top_at; /* where the arena has the address of its last, free chunk */
    bool of_main;    /* main_arena's: its chunks lack the flag NON_MAIN_ARENA */
};

struct ht_memory_heaps {
    struct ht_memory_heap *heap; /* by address */
    size_t n;
    uint64_t main_arena, main_arena_end; /* its record, in libc's data; others lie in their heaps */
    /* What the second word of a block in a thread's cache is, since glibc 2.29: a random number, or
     * the address of the cache. As far as known; sorted. */
    uint64_t *key;
    size_t n_keys;
    uint64_t *fast; /* chunks in fast bins, sorted */
    size_t n_fast;
};

/*
 * heaps.c: where glibc's chunks are, at present; what is not recognised is left out. 0, -ENOENT no
 * arena was recognised, -ENOMEM. ht_memory_heaps_free in any case.
 */
int ht_memory_heaps_find(struct ht_remote *r, struct ht_memory_heaps *out);
void ht_memory_heaps_free(struct ht_memory_heaps *h);

/* The length of the block with a mapping of its own whose chunk begins at `at`, a page's start, the
 * mapping's end being `end`; 0: none does. glibc.c. */
uint64_t ht_memory_glibc_mapped(struct ht_remote *r, uint64_t at, uint64_t end);

/* The blocks with mappings of their own in a range of anonymous memory; `maps` counts them. The
 * kernel may have joined them with mappings of others. */
void ht_memory_glibc_blocks(struct ht_remote *r, uint64_t start, uint64_t end,
                            struct ht_memory_part *blocks);

#endif

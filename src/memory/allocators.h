/* SPDX-License-Identifier: MIT */
/* What allocators other than glibc's count, read from their own records. Which file has what:
 * jemalloc.c, jemalloc_extents.c its pages, tcmalloc.c, data.c where both look. */
#ifndef HEAPTAP_SRC_MEMORY_ALLOCATORS_H
#define HEAPTAP_SRC_MEMORY_ALLOCATORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "remote/remote.h"

enum { HT_JEMALLOC_BASES = 64 };

/* jemalloc, as its mallctl names the figures. Bytes. */
struct ht_memory_jemalloc {
    bool found;
    const char *version; /* of the form that was recognised */
    unsigned arenas;
    uint64_t active;       /* in pages with something allocated: stats.active */
    uint64_t dirty, muzzy; /* free pages, kept; muzzy ones the kernel may take */
    uint64_t retained;     /* address space without memory: stats.retained */
    bool counted;          /* the others are known */
    uint64_t allocated;    /* by the sizes of its classes: stats.allocated */
    uint64_t cached;       /* of it: free, in threads' caches */
    uint64_t metadata;     /* its own records */
    uint64_t resident;     /* active, dirty and the records' pages: stats.resident */
    uint64_t tree;         /* where its tree of pages begins; 0: not known */
    struct {
        uint64_t start, end;
    } base[HT_JEMALLOC_BASES]; /* memory for its records, the tree's leaves included */
    unsigned n_bases;
};

struct ht_memory_jemalloc_range {
    uint64_t mapped, resident; /* bytes */
    size_t maps;               /* 1, or 0 where nothing of it is jemalloc's */
};

/* gperftools' tcmalloc, as MallocExtension names the figures. Bytes. */
struct ht_memory_tcmalloc {
    bool found;
    uint64_t heap;     /* from the kernel: generic.heap_size */
    uint64_t free;     /* whole pages, kept: tcmalloc.pageheap_free_bytes */
    uint64_t unmapped; /* given back, address space: tcmalloc.pageheap_unmapped_bytes */
    bool counted;      /* the next three are known */
    uint64_t central, transfer, threads; /* free, in caches */
    unsigned caches;                     /* of threads */
};

/*
 * jemalloc.c, tcmalloc.c. The records are recognised by their form, in the data of the library or
 * of the program, and no symbols are needed: figures must fit each other as the allocator keeps
 * them, or nothing is found.
 */
void ht_memory_jemalloc(struct ht_remote *r, struct ht_memory_jemalloc *j);
void ht_memory_tcmalloc(struct ht_remote *r, struct ht_memory_tcmalloc *t);

/* jemalloc_extents.c. What of a range of anonymous memory is jemalloc's, which the kernel may have
 * joined with mappings of others. Nothing where its tree is not known. */
void ht_memory_jemalloc_range(struct ht_remote *r, const struct ht_memory_jemalloc *j,
                              uint64_t start, uint64_t end, struct ht_memory_jemalloc_range *out);

/* --- data.c -------------------------------------------------------------------------------------
 */

/* Writable memory of an object, copied; what is not resident is zero. */
struct ht_memory_data {
    const struct ht_remote_module *module;
    uint64_t at; /* there */
    const uint64_t *word;
    size_t n;
};

/* True ends the search. */
typedef bool (*ht_memory_data_fn)(void *arg, const struct ht_memory_data *d);

/* The data of libraries whose names begin with `library`, and of the program. */
void ht_memory_data_each(struct ht_remote *r, const char *library, ht_memory_data_fn fn, void *arg);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The allocator underneath: the next definition of everything in hooked.h, and the arena that
 * serves while it is being looked up.
 */
#ifndef HEAPTAP_SRC_TARGET_ALLOCATOR_BACKEND_H
#define HEAPTAP_SRC_TARGET_ALLOCATOR_BACKEND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/allocator/hooked.h"
#include "target/os/hidden.h"
#include "target/os/machine.h"

#define X(symbol, type, parameters) extern HT_HIDDEN type(*ht_next_##symbol) parameters;
HT_HOOKED(X)
#undef X

/* True when the next definition comes from the allocator itself or was built here. False for a
 * C++ library's, which calls malloc or free, where the block is counted. */
#define X(symbol, type, parameters) extern HT_HIDDEN bool ht_direct_##symbol;
HT_HOOKED_NEW(X)
HT_HOOKED_DELETE(X)
#undef X

/*
 * The program's own realloc, if it links its own malloc (which then precedes the library's), else
 * NULL. libc's reallocarray must use that one: a block from the library's realloc would reach the
 * program's free, which did not allocate it.
 */
extern HT_HIDDEN void *(*ht_programs_realloc)(void *, size_t);

/*
 * True if the next operators new and delete are libstdc++'s and the malloc and free they call are
 * the library's. Its operators then call the underlying allocator directly, and fall back to
 * libstdc++'s only when it returns NULL (new handler, bad_alloc).
 */
extern HT_HIDDEN bool ht_new_is_malloc;

/* The object that the allocator lies in, if it has one of its own; else 0, 0. */
extern HT_HIDDEN uint64_t ht_allocator_start, ht_allocator_size;

/* Looks everything up; idempotent. On return the pointers are usable, except on the thread that is
 * inside the look-up itself, which is served by the arena. */
void ht_backend_resolve(void);

enum ht_backend_state { HT_BACKEND_UNRESOLVED, HT_BACKEND_RESOLVING, HT_BACKEND_RESOLVED };
extern HT_HIDDEN _Atomic uint32_t ht_backend_state; /* release when the pointers are set */
static inline bool ht_backend_ready(void)
{
    return atomic_load_explicit(&ht_backend_state, memory_order_acquire) == HT_BACKEND_RESOLVED;
}

/* The arena: zeroed blocks, each at an address that free's mask test admits; never reused. */
void *ht_arena_alloc(size_t size, size_t align);
#define HT_ARENA_PAGES 96
extern HT_HIDDEN unsigned char ht_arena[HT_ARENA_PAGES * HT_PAGE_SIZE];
static inline bool ht_arena_owns(const void *p)
{
    return (uintptr_t)p - (uintptr_t)ht_arena < sizeof ht_arena;
}
size_t ht_arena_size(const void *p);

/* The usable size that the allocator gives a block of this size when it is not placed; where no
 * rule is known, the size itself. */
size_t ht_good_size(size_t size);

/* True when the allocator has size classes, or may have. A placed block then lies in another
 * class than its size implies. */
bool ht_has_classes(void);

/*
 * True when sampled blocks may be larger than asked for, and lie on a page: over glibc's,
 * jemalloc's, tcmalloc's and mimalloc's malloc. Any other may be there to find a program's faults
 * (glibc's libc_malloc_debug.so, Electric Fence), and would not see a write behind the end of such
 * a block.
 */
bool ht_may_place(void);

/* Forbids placing, because a sized free may bypass the library. Before the rate is first set. */
void ht_place_nothing(void);

/* The malloc underneath is the C library's own. */
bool ht_next_is_glibc(void);

/* True when realloc to n bytes (not 0) leaves a block with this usable size in place. Where the
 * allocator's rule is not known: whenever n fits. */
bool ht_stays_in_place(size_t usable, size_t n);

/* Memory at an alignment from whatever the allocator has for it. NULL when refused. */
void *ht_next_aligned(size_t align, size_t size);

#endif

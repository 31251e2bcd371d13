/* SPDX-License-Identifier: MIT */
/*
 * mimalloc's own calls, visible only where malloc is mimalloc's. A block that is zeroed to its end,
 * aligned at an offset, or in a heap of its own is sampled where mimalloc puts it; others may be
 * placed, as malloc's. Not counted: the strings of mi_realpath, mi_mbsdup, mi_wcsdup and
 * mi_dupenv_s.
 */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "target/hooks/hook.h"

HT_HOOKED_MI(SHOWN_IF_PRESENT)

/* 0 when the product is too large: the call fails. */
static inline size_t product(size_t n, size_t size)
{
    size_t bytes;
    return __builtin_mul_overflow(n, size, &bytes) ? 0 : bytes;
}

/* The same of a block that is resized, where 0 would be a size: as much as no block has. */
static inline size_t new_size(size_t n, size_t size)
{
    size_t bytes;
    return __builtin_mul_overflow(n, size, &bytes) ? SIZE_MAX : bytes;
}

#define PLACED(symbol, parameters, arguments, bytes, align)                                        \
    ALLOCATE(symbol, parameters, arguments, bytes, align, ht_next_##symbol arguments)
PLACED(mi_malloc, (size_t n), (n), n, (size_t)0)
PLACED(mi_malloc_small, (size_t n), (n), n, (size_t)0)
PLACED(mi_new_nothrow, (size_t n), (n), n, (size_t)0)
PLACED(mi_malloc_aligned, (size_t n, size_t align), (n, align), n, align)
PLACED(mi_new_aligned_nothrow, (size_t n, size_t align), (n, align), n, align)
PLACED(mi_memalign, (size_t align, size_t n), (align, n), n, align)
PLACED(mi_aligned_alloc, (size_t align, size_t n), (align, n), n, align)
PLACED(mi_valloc, (size_t n), (n), n, PAGE)
PLACED(mi_pvalloc, (size_t n), (n), ROUND_TO_PAGE(n), PAGE)

/* Sampled, but not placed. */
#define WHERE_IT_IS(symbol, parameters, arguments, bytes)                                          \
    static __attribute__((noinline)) void *cold_##symbol parameters                                \
    {                                                                                              \
        struct ht_new_sample sample;                                                               \
        bool sampled = ht_new_sample_begin(&sample, bytes, HT_CALLER());                           \
        void *p = ht_next_##symbol arguments;                                                      \
        return sampled ? ht_new_sample_commit(&sample, p) : p;                                     \
    }                                                                                              \
    EXPORT void *symbol parameters                                                                 \
    {                                                                                              \
        if (HT_UNLIKELY(ht_countdown(bytes)))                                                      \
            return cold_##symbol arguments;                                                        \
        return ht_next_##symbol arguments;                                                         \
    }
#define A size_t align
#define O size_t at
WHERE_IT_IS(mi_zalloc, (size_t n), (n), n)
WHERE_IT_IS(mi_zalloc_small, (size_t n), (n), n)
WHERE_IT_IS(mi_calloc, (size_t n, size_t size), (n, size), product(n, size))
WHERE_IT_IS(mi_mallocn, (size_t n, size_t size), (n, size), product(n, size))
WHERE_IT_IS(mi_malloc_aligned_at, (size_t n, A, O), (n, align, at), n)
WHERE_IT_IS(mi_zalloc_aligned, (size_t n, A), (n, align), n)
WHERE_IT_IS(mi_zalloc_aligned_at, (size_t n, A, O), (n, align, at), n)
WHERE_IT_IS(mi_calloc_aligned, (size_t n, size_t size, A), (n, size, align), product(n, size))
WHERE_IT_IS(mi_calloc_aligned_at, (size_t n, size_t size, A, O), (n, size, align, at),
            product(n, size))
WHERE_IT_IS(mi_heap_malloc, (void *heap, size_t n), (heap, n), n)
WHERE_IT_IS(mi_heap_malloc_small, (void *heap, size_t n), (heap, n), n)
WHERE_IT_IS(mi_heap_zalloc, (void *heap, size_t n), (heap, n), n)
WHERE_IT_IS(mi_heap_calloc, (void *heap, size_t n, size_t size), (heap, n, size), product(n, size))
WHERE_IT_IS(mi_heap_mallocn, (void *heap, size_t n, size_t size), (heap, n, size), product(n, size))
WHERE_IT_IS(mi_heap_malloc_aligned, (void *heap, size_t n, A), (heap, n, align), n)
WHERE_IT_IS(mi_heap_malloc_aligned_at, (void *heap, size_t n, A, O), (heap, n, align, at), n)
WHERE_IT_IS(mi_heap_zalloc_aligned, (void *heap, size_t n, A), (heap, n, align), n)
WHERE_IT_IS(mi_heap_zalloc_aligned_at, (void *heap, size_t n, A, O), (heap, n, align, at), n)
WHERE_IT_IS(mi_heap_calloc_aligned, (void *heap, size_t n, size_t size, A), (heap, n, size, align),
            product(n, size))
WHERE_IT_IS(mi_heap_calloc_aligned_at, (void *heap, size_t n, size_t size, A, O),
            (heap, n, size, align, at), product(n, size))

EXPORT int mi_posix_memalign(void **out, size_t align, size_t size)
{
    return align_into(ht_next_mi_posix_memalign, out, align, size, HT_CALLER());
}

/* The block comes from mimalloc's malloc, of the default heap (heap NULL) or another; the caller
 * fills it. */
static inline __attribute__((always_inline)) void *get(void *heap, size_t n, uint64_t pc,
                                                       uint64_t sp, uint64_t bp)
{
    struct ht_new_sample sample;
    bool sampled = ht_countdown(n) && ht_new_sample_begin(&sample, n, pc, sp, bp);
    void *p = heap ? ht_next_mi_heap_malloc(heap, n) : ht_next_mi_malloc(n);
    return sampled ? ht_new_sample_commit(&sample, p) : p;
}

static char *copied(char *to, const char *s, size_t n)
{
    if (to) {
        memcpy(to, s, n);
        to[n] = 0;
    }
    return to;
}

EXPORT char *mi_strdup(const char *s)
{
    size_t n = s ? strlen(s) : 0;
    return s ? copied(get(NULL, n + 1, HT_CALLER()), s, n) : NULL;
}

EXPORT char *mi_strndup(const char *s, size_t most)
{
    size_t n = s ? strnlen(s, most) : 0;
    return s ? copied(get(NULL, n + 1, HT_CALLER()), s, n) : NULL;
}

EXPORT char *mi_heap_strdup(void *heap, const char *s)
{
    size_t n = s ? strlen(s) : 0;
    return s ? copied(get(heap, n + 1, HT_CALLER()), s, n) : NULL;
}

EXPORT char *mi_heap_strndup(void *heap, const char *s, size_t most)
{
    size_t n = s ? strnlen(s, most) : 0;
    return s ? copied(get(heap, n + 1, HT_CALLER()), s, n) : NULL;
}

/* These call the new handler and throw when memory is out, so they are called outside the
 * reentrancy guard. */
ALLOCATE_NEW(mi_new, (size_t n), (n), n, (size_t)0, true)
ALLOCATE_NEW(mi_new_aligned, (size_t n, size_t align), (n, align), n, align, true)

EXPORT void *mi_new_n(size_t n, size_t size)
{
    size_t bytes;
    void *p = __builtin_mul_overflow(n, size, &bytes) ? NULL : get(NULL, bytes, HT_CALLER());
    return p ? p : ht_next_mi_new_n(n, size);
}

EXPORT void *mi_heap_alloc_new(void *heap, size_t n)
{
    void *p = get(heap, n, HT_CALLER());
    return p ? p : ht_next_mi_heap_alloc_new(heap, n);
}

EXPORT void *mi_heap_alloc_new_n(void *heap, size_t n, size_t size)
{
    size_t bytes;
    void *p = __builtin_mul_overflow(n, size, &bytes) ? NULL : get(heap, bytes, HT_CALLER());
    return p ? p : ht_next_mi_heap_alloc_new_n(heap, n, size);
}

static __attribute__((noinline)) void *resize(void *p, const struct ht_resize *r, uint64_t pc,
                                              uint64_t sp, uint64_t bp)
{
    struct ht_new_sample sample;
    bool due = ht_countdown(r->size);
    if (p)
        return ht_resize(p, r, due, pc, sp, bp);
    if (!due || !ht_new_sample_begin(&sample, r->size, pc, sp, bp))
        return r->call(r->ctx, NULL);
    return ht_new_sample_commit(&sample, r->call(r->ctx, NULL));
}

/* The arguments of these functions without p. */
struct request {
    void *heap;
    size_t n, size, align, at;
};

/* A heap, an offset or zeroing asks for more than realloc does: only the real call may move the
 * block. */
#define RESIZE_OR(frees_it, symbol, parameters, real, bytes, zeroed, ...)                          \
    static void *call_##symbol(void *ctx, void *p)                                                 \
    {                                                                                              \
        const struct request *c = ctx;                                                             \
        return ht_next_##symbol real;                                                              \
    }                                                                                              \
    EXPORT void *symbol parameters                                                                 \
    {                                                                                              \
        struct request c = {__VA_ARGS__};                                                          \
        struct ht_resize r = {.call = call_##symbol,                                               \
                              .ctx = &c,                                                           \
                              .size = bytes,                                                       \
                              .align = c.align,                                                    \
                              .in_place_only = true,                                               \
                              .frees = frees_it,                                                   \
                              .zero = zeroed};                                                     \
        return resize(p, &r, HT_CALLER());                                                         \
    }
#define RESIZE(...)         RESIZE_OR(false, __VA_ARGS__)
#define RESIZE_OR_FREE(...) RESIZE_OR(true, __VA_ARGS__)
RESIZE(mi_realloc, (void *p, size_t n), (p, c->n), n, false, .n = n)
RESIZE(mi_reallocn, (void *p, size_t n, size_t size), (p, c->n, c->size), new_size(n, size), false,
       .n = n, .size = size)
RESIZE_OR_FREE(mi_reallocf, (void *p, size_t n), (p, c->n), n, false, .n = n)
RESIZE(mi_rezalloc, (void *p, size_t n), (p, c->n), n, true, .n = n)
RESIZE(mi_recalloc, (void *p, size_t n, size_t size), (p, c->n, c->size), new_size(n, size), true,
       .n = n, .size = size)
RESIZE(mi_realloc_aligned, (void *p, size_t n, A), (p, c->n, c->align), n, false, .n = n,
       .align = align)
RESIZE(mi_realloc_aligned_at, (void *p, size_t n, A, O), (p, c->n, c->align, c->at), n, false,
       .n = n, .align = align, .at = at)
RESIZE(mi_rezalloc_aligned, (void *p, size_t n, A), (p, c->n, c->align), n, true, .n = n,
       .align = align)
RESIZE(mi_rezalloc_aligned_at, (void *p, size_t n, A, O), (p, c->n, c->align, c->at), n, true,
       .n = n, .align = align, .at = at)
RESIZE(mi_recalloc_aligned, (void *p, size_t n, size_t size, A), (p, c->n, c->size, c->align),
       new_size(n, size), true, .n = n, .size = size, .align = align)
RESIZE(mi_recalloc_aligned_at, (void *p, size_t n, size_t size, A, O),
       (p, c->n, c->size, c->align, c->at), new_size(n, size), true, .n = n, .size = size,
       .align = align, .at = at)
RESIZE(mi_aligned_recalloc, (void *p, size_t n, size_t size, A), (p, c->n, c->size, c->align),
       new_size(n, size), true, .n = n, .size = size, .align = align)
RESIZE(mi_aligned_offset_recalloc, (void *p, size_t n, size_t size, A, O),
       (p, c->n, c->size, c->align, c->at), new_size(n, size), true, .n = n, .size = size,
       .align = align, .at = at)
RESIZE(mi_reallocarray, (void *p, size_t n, size_t size), (p, c->n, c->size), new_size(n, size),
       false, .n = n, .size = size)
RESIZE_OR_FREE(reallocf, (void *p, size_t n), (p, c->n), n, false, .n = n)
RESIZE(mi_heap_realloc, (void *heap, void *p, size_t n), (c->heap, p, c->n), n, false, .heap = heap,
       .n = n)
RESIZE(mi_heap_reallocn, (void *heap, void *p, size_t n, size_t size), (c->heap, p, c->n, c->size),
       new_size(n, size), false, .heap = heap, .n = n, .size = size)
RESIZE_OR_FREE(mi_heap_reallocf, (void *heap, void *p, size_t n), (c->heap, p, c->n), n, false,
               .heap = heap, .n = n)
RESIZE(mi_heap_rezalloc, (void *heap, void *p, size_t n), (c->heap, p, c->n), n, true, .heap = heap,
       .n = n)
RESIZE(mi_heap_recalloc, (void *heap, void *p, size_t n, size_t size), (c->heap, p, c->n, c->size),
       new_size(n, size), true, .heap = heap, .n = n, .size = size)
RESIZE(mi_heap_realloc_aligned, (void *heap, void *p, size_t n, A), (c->heap, p, c->n, c->align), n,
       false, .heap = heap, .n = n, .align = align)
RESIZE(mi_heap_realloc_aligned_at, (void *heap, void *p, size_t n, A, O),
       (c->heap, p, c->n, c->align, c->at), n, false, .heap = heap, .n = n, .align = align,
       .at = at)
RESIZE(mi_heap_rezalloc_aligned, (void *heap, void *p, size_t n, A), (c->heap, p, c->n, c->align),
       n, true, .heap = heap, .n = n, .align = align)
RESIZE(mi_heap_rezalloc_aligned_at, (void *heap, void *p, size_t n, A, O),
       (c->heap, p, c->n, c->align, c->at), n, true, .heap = heap, .n = n, .align = align, .at = at)
RESIZE(mi_heap_recalloc_aligned, (void *heap, void *p, size_t n, size_t size, A),
       (c->heap, p, c->n, c->size, c->align), new_size(n, size), true, .heap = heap, .n = n,
       .size = size, .align = align)
RESIZE(mi_heap_recalloc_aligned_at, (void *heap, void *p, size_t n, size_t size, A, O),
       (c->heap, p, c->n, c->size, c->align, c->at), new_size(n, size), true, .heap = heap, .n = n,
       .size = size, .align = align, .at = at)

static inline __attribute__((always_inline)) void *
resize_array(void *p, size_t n, size_t size, uint64_t pc, uint64_t sp, uint64_t bp)
{
    struct request c = {.n = n, .size = size};
    struct ht_resize r = {
        .call = call_mi_reallocn, .ctx = &c, .size = new_size(n, size), .in_place_only = true};
    return resize(p, &r, pc, sp, bp);
}

/* As mi_reallocn until that has no memory; then they call the new handler, and throw. */
EXPORT void *mi_new_realloc(void *p, size_t n)
{
    void *q = resize_array(p, n, 1, HT_CALLER());
    return q ? q : ht_next_mi_new_realloc(p, n);
}

EXPORT void *mi_new_reallocn(void *p, size_t n, size_t size)
{
    void *q = resize_array(p, n, size, HT_CALLER());
    return q ? q : ht_next_mi_new_reallocn(p, n, size);
}

/* p is a pointer to the block's. */
#define RESIZE_THROUGH(symbol)                                                                     \
    EXPORT int symbol(void *p, size_t n, size_t size)                                              \
    {                                                                                              \
        void **block = p;                                                                          \
        void *q = p ? resize_array(*block, n, size, HT_CALLER()) : NULL;                           \
        if (!q)                                                                                    \
            return ht_next_##symbol(p, n, size);                                                   \
        *block = q;                                                                                \
        return 0;                                                                                  \
    }
RESIZE_THROUGH(mi_reallocarr)
RESIZE_THROUGH(reallocarr)

/* Within the size that mi_usable_size returns. */
#define EXPAND(symbol)                                                                             \
    EXPORT void *symbol(void *p, size_t n)                                                         \
    {                                                                                              \
        return p && n > ht_usable(p, ht_next_mi_usable_size(p)) ? NULL : ht_next_##symbol(p, n);   \
    }
EXPAND(mi_expand)
EXPAND(mi__expand)

#define FREE(symbol, parameters, arguments)                                                        \
    EXPORT void symbol parameters                                                                  \
    {                                                                                              \
        RELEASE(p, ht_next_##symbol arguments, ht_next_free(p));                                   \
    }
FREE(mi_free, (void *p), (p))
FREE(mi_cfree, (void *p), (p))
FREE(vfree, (void *p), (p))
FREE(mi_free_size, (void *p, size_t n), (p, n))
FREE(mi_free_aligned, (void *p, size_t align), (p, align))
FREE(mi_free_size_aligned, (void *p, size_t n, size_t align), (p, n, align))

#define USABLE(symbol)                                                                             \
    EXPORT size_t symbol(const void *p)                                                            \
    {                                                                                              \
        if (HT_UNLIKELY(p && ht_arena_owns(p)))                                                    \
            return ht_arena_size(p);                                                               \
        return ht_usable(p, ht_next_##symbol(p));                                                  \
    }
USABLE(mi_usable_size)
USABLE(mi_malloc_size)
USABLE(mi_malloc_usable_size)
USABLE(malloc_size)

EXPORT bool mi_heap_contains_block(void *heap, const void *p)
{
    return ht_next_mi_heap_contains_block(heap, p);
}

static bool lies_in(const void *p, void *heap)
{
    return ht_next_mi_heap_contains_block(heap, p);
}

EXPORT void mi_heap_destroy(void *heap)
{
    if (ht_next_mi_heap_contains_block)
        ht_free_those(lies_in, heap);
    ht_next_mi_heap_destroy(heap);
}

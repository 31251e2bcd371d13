/* SPDX-License-Identifier: MIT */
/* The malloc family of libc, except the four functions whose fast paths are written by hand
 * (fast.S). */
#include "config.h"

#include <errno.h>
#include <stdint.h>

#include "target/hooks/hook.h"

/* Before the look-up `bytes_until_sample` is 0, so that a call finds a sample due and goes
 * to the cold part. */
ALLOCATE(memalign, (size_t align, size_t size), (align, size), size, align,
         ht_next_memalign(align, size))
ALLOCATE(aligned_alloc, (size_t align, size_t size), (align, size), size, align,
         ht_next_aligned_alloc(align, size))
ALLOCATE(valloc, (size_t size), (size), size, PAGE, ht_next_valloc(size))
ALLOCATE(pvalloc, (size_t size), (size), ROUND_TO_PAGE(size), PAGE, ht_next_pvalloc(size))

EXPORT int posix_memalign(void **out, size_t align, size_t size)
{
    resolving_here(); /* the pointer below is read after the look-up */
    return align_into(ht_next_posix_memalign, out, align, size, HT_CALLER());
}

struct array {
    size_t n, size;
};

static void *call_reallocarray(void *ctx, void *p)
{
    struct array *a = ctx;
    return ht_next_reallocarray(p, a->n, a->size);
}

EXPORT void *reallocarray(void *p, size_t n, size_t size)
{
    size_t bytes;
    if (HT_UNLIKELY(resolving_here()) || HT_UNLIKELY(p && ht_arena_owns(p)) ||
        __builtin_mul_overflow(n, size, &bytes)) {
        if (__builtin_mul_overflow(n, size, &bytes)) {
            errno = ENOMEM;
            return NULL;
        }
        return ht_cold_realloc(p, bytes);
    }
    if (HT_UNLIKELY(ht_programs_realloc))
        return ht_programs_realloc(p, bytes);
    if (!p)
        return ht_cold_realloc(NULL, bytes);
    struct array a = {n, size};
    struct ht_resize r = {.call = call_reallocarray, .ctx = &a, .size = bytes};
    return ht_resize(p, &r, ht_countdown(bytes), HT_CALLER());
}

EXPORT size_t malloc_usable_size(void *p)
{
    if (HT_UNLIKELY(p && ht_arena_owns(p)))
        return ht_arena_size(p);
    return HT_UNLIKELY(resolving_here()) ? 0 : ht_usable(p, ht_next_malloc_usable_size(p));
}

EXPORT void cfree(void *p)
{
    resolving_here();
    RELEASE(p, ht_next_cfree(p), ht_next_free(p));
}

EXPORT void free_sized(void *p, size_t n)
{
    resolving_here();
    RELEASE(p, ht_next_free_sized(p, n), ht_next_free(p));
}

EXPORT void free_aligned_sized(void *p, size_t align, size_t n)
{
    resolving_here();
    RELEASE(p, ht_next_free_aligned_sized(p, align, n), ht_next_free(p));
}

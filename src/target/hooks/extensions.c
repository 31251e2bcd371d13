/* SPDX-License-Identifier: MIT */
/* tcmalloc's and jemalloc's own names. They are shown once the allocator underneath is known. */
#include "config.h"

#include <stdint.h>

#include "target/hooks/hook.h"

HT_HOOKED_JE_TC(SHOWN_IF_PRESENT)

/* tcmalloc's names for its own. */
#define TC_ALLOCATE(symbol, parameters, bytes, align, arguments)                                   \
    ALLOCATE(symbol, parameters, arguments, bytes, align, ht_next_##symbol arguments)
#define TC_RELEASE(symbol, parameters, arguments)                                                  \
    EXPORT void symbol parameters                                                                  \
    {                                                                                              \
        RELEASE(p, ht_next_##symbol arguments, ht_next_free(p));                                   \
    }
TC_ALLOCATE(tc_malloc, (size_t n), n, (size_t)0, (n))
TC_ALLOCATE(tc_malloc_skip_new_handler, (size_t n), n, 0, (n))
TC_ALLOCATE(tc_memalign, (size_t align, size_t n), n, align, (align, n))
TC_ALLOCATE(tc_valloc, (size_t n), n, PAGE, (n))
TC_ALLOCATE(tc_pvalloc, (size_t n), ROUND_TO_PAGE(n), PAGE, (n))
TC_ALLOCATE(tc_new_nothrow, (size_t n, const void *tag), n, 0, (n, tag))
TC_ALLOCATE(tc_newarray_nothrow, (size_t n, const void *tag), n, 0, (n, tag))
TC_RELEASE(tc_free, (void *p), (p))
TC_RELEASE(tc_cfree, (void *p), (p))
TC_RELEASE(tc_free_sized, (void *p, size_t n), (p, n))
TC_RELEASE(tc_delete, (void *p), (p))
TC_RELEASE(tc_deletearray, (void *p), (p))
TC_RELEASE(tc_delete_sized, (void *p, size_t n), (p, n))
TC_RELEASE(tc_deletearray_sized, (void *p, size_t n), (p, n))
TC_RELEASE(tc_delete_nothrow, (void *p, const void *tag), (p, tag))
TC_RELEASE(tc_deletearray_nothrow, (void *p, const void *tag), (p, tag))

ALLOCATE_NEW(tc_new, (size_t n), (n), n, (size_t)0, true)
ALLOCATE_NEW(tc_newarray, (size_t n), (n), n, (size_t)0, true)

EXPORT size_t tc_malloc_size(void *p)
{
    if (HT_UNLIKELY(p && ht_arena_owns(p)))
        return ht_arena_size(p);
    return ht_usable(p, ht_next_tc_malloc_size(p));
}

EXPORT void *tc_calloc(size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes))
        return ht_next_tc_calloc(n, size);
    if (HT_LIKELY(!ht_countdown(bytes)))
        return ht_next_tc_calloc(n, size);
    return ht_cold_calloc(n, size);
}

EXPORT void *tc_realloc(void *p, size_t n)
{
    return ht_cold_realloc(p, n);
}

EXPORT int tc_posix_memalign(void **out, size_t align, size_t size)
{
    return align_into(ht_next_tc_posix_memalign, out, align, size, HT_CALLER());
}

/* jemalloc's flags: the low six bits are log2 of the alignment, the rest say arena, cache, zero. A
 * sampled block keeps them and gets a page's alignment, so that jemalloc itself places and clears.
 */
static int at_page(int flags)
{
    return (flags & 63) < 12 ? (flags & ~63) | 12 : flags;
}

static __attribute__((noinline)) void *cold_mallocx(size_t n, int flags)
{
    struct ht_new_sample sample;
    bool sampled = ht_new_sample_begin(&sample, n, HT_CALLER());
    void *p = ht_next_mallocx(n, sampled && sample.place ? at_page(flags) : flags);
    return sampled ? ht_new_sample_commit(&sample, p) : p;
}

EXPORT void *mallocx(size_t n, int flags)
{
    if (HT_UNLIKELY(ht_countdown(n)))
        return cold_mallocx(n, flags);
    return ht_next_mallocx(n, flags);
}

struct mx {
    size_t n;
    int flags;
};

static void *call_rallocx(void *ctx, void *p)
{
    struct mx *a = ctx;
    return ht_next_rallocx(p, a->n, a->flags);
}

EXPORT void *rallocx(void *p, size_t n, int flags)
{
    struct mx a = {n, flags};
    /* Flags may name an arena or ask for zeroes past the old end: never replaced by a copy. */
    struct ht_resize r = {
        .call = call_rallocx,
        .ctx = &a,
        .size = n,
        .align = flags & 63 ? (size_t)1 << (flags & 63) : 0,
        .in_place_only = true,
        .zero = flags & 0x40,
    };
    return ht_resize(p, &r, ht_countdown(n), HT_CALLER());
}

EXPORT size_t xallocx(void *p, size_t n, size_t extra, int flags)
{
    struct ht_record record;
    struct ht_new_sample sample;
    bool maybe = ht_free_begin(p, &record);
    bool sampled = ht_countdown(n) && ht_new_sample_begin(&sample, n, HT_CALLER());
    /* A placed block stays in its larger class, which its new size does not imply either. */
    bool placed = record.found && ht_is_tagged(p) && atomic_load(&ht_aligned_once);
    uint32_t hold = placed ? ht_hold_reserve() : 0;
    uint32_t recyclable = hold ? record.time & HT_NODE_RECYCLABLE : 0;
    size_t got = ht_next_xallocx(p, n, extra, flags);
    bool done = got >= n;
    if (maybe && record.found) {
        if (done)
            ht_free_account(&record);
        else
            ht_free_undo(p, &record);
    }
    if (sampled && done && hold) {
        ht_new_sample_stays(&sample, hold, recyclable);
        hold = 0;
    }
    ht_hold_end(hold, done && !sampled ? p : NULL, n, recyclable);
    if (sampled)
        ht_new_sample_commit(&sample, done ? p : NULL);
    return got;
}

EXPORT size_t sallocx(const void *p, int flags)
{
    return ht_usable(p, ht_next_sallocx(p, flags));
}

EXPORT size_t nallocx(size_t n, int flags)
{
    return ht_next_nallocx(n, flags);
}

EXPORT void dallocx(void *p, int flags)
{
    RELEASE(p, ht_next_dallocx(p, flags), ht_next_dallocx(p, flags));
}

EXPORT void sdallocx(void *p, size_t n, int flags)
{
    RELEASE(p, ht_next_sdallocx(p, n, flags), ht_next_dallocx(p, flags));
}

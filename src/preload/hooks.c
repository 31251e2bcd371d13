/* SPDX-License-Identifier: MIT */
/*
 * The hooks that need no hand-written fast path. Compiled with frame pointers (HT_CALLER). A call
 * that is not sampled ends in a tail jump.
 */
#include "config.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "preload/backend.h"
#include "preload/cold.h"

#define EXPORT __attribute__((visibility("default")))

/* Declares every hook: they have no header of ours, and some none at all. */
#define X(symbol, type, parameters) EXPORT type symbol parameters;
HT_HOOKED(X)
#undef X

/* True when only the arena can serve: this thread is inside the look-up. */
static inline bool early(void)
{
    if (HT_LIKELY(ht_backend_ready()))
        return false;
    ht_backend_resolve();
    return !ht_backend_ready();
}

/* The body of an allocating hook: `call` is the real one with its own arguments. */
#define ALLOCATE(bytes, align, call)                                                               \
    do {                                                                                           \
        struct ht_hit hit;                                                                         \
        if (HT_UNLIKELY(early()))                                                                  \
            return ht_arena_alloc(bytes, align);                                                   \
        if (HT_LIKELY(!ht_charge(bytes)) || !ht_hit_begin(&hit, bytes, HT_CALLER()))               \
            return call;                                                                           \
        void *placed = ht_hit_place(&hit, align);                                                  \
        return ht_hit_end(&hit, placed ? placed : call);                                           \
    } while (0)

/* operator new may throw: with the guard dropped, and only after malloc itself has failed. */
#define ALLOCATE_NEW(bytes, align, direct, call)                                                   \
    do {                                                                                           \
        struct ht_hit hit;                                                                         \
        if (HT_UNLIKELY(early()))                                                                  \
            return ht_arena_alloc(bytes, align);                                                   \
        if (!direct || HT_LIKELY(!ht_charge(bytes)) ||                                             \
            !ht_hit_begin(&hit, bytes, HT_CALLER()))                                               \
            return call;                                                                           \
        void *got = ht_hit_place(&hit, align);                                                     \
        if (!got)                                                                                  \
            got = (align) > 16 ? ht_next_aligned(align, bytes) : ht_next_malloc(bytes);            \
        if (got)                                                                                   \
            return ht_hit_end(&hit, got);                                                          \
        ht_hit_cancel(&hit);                                                                       \
        return call;                                                                               \
    } while (0)

/* A freeing hook: `unsized` when p was ours (its class is not what its size says). */
#define RELEASE(p, call, unsized)                                                                  \
    do {                                                                                           \
        struct ht_record record;                                                                   \
        if (HT_LIKELY((uintptr_t)(p) & ht_free_mask) || !(p)) {                                    \
            call;                                                                                  \
            return;                                                                                \
        }                                                                                          \
        if (HT_UNLIKELY(ht_arena_owns(p)))                                                         \
            return;                                                                                \
        if (HT_UNLIKELY(ht_free_begin(p, &record))) {                                              \
            if (record.found)                                                                      \
                ht_free_account(&record);                                                          \
            unsized;                                                                               \
            return;                                                                                \
        }                                                                                          \
        call;                                                                                      \
    } while (0)

EXPORT void *memalign(size_t align, size_t size)
{
    ALLOCATE(size, align, ht_next_memalign(align, size));
}

EXPORT void *aligned_alloc(size_t align, size_t size)
{
    ALLOCATE(size, align, ht_next_aligned_alloc(align, size));
}

EXPORT void *valloc(size_t size)
{
    ALLOCATE(size, 4096, ht_next_valloc(size));
}

EXPORT void *pvalloc(size_t size)
{
    size_t page = 4096;
    size_t rounded = size > SIZE_MAX - page ? size : (size + page - 1) & ~(page - 1);
    ALLOCATE(rounded, page, ht_next_pvalloc(size));
}

static inline __attribute__((always_inline)) int
align_into(int (*real)(void **, size_t, size_t), void **out, size_t align, size_t size,
           struct ht_regs regs)
{
    struct ht_hit hit;
    if (HT_UNLIKELY(early())) {
        *out = ht_arena_alloc(size, align);
        return *out ? 0 : ENOMEM;
    }
    bool valid = align >= sizeof(void *) && !(align & (align - 1));
    if (!valid || HT_LIKELY(!ht_charge(size)) || !ht_hit_begin(&hit, size, regs))
        return real(out, align, size);
    void *p = ht_hit_place(&hit, align);
    int error = 0;
    if (p)
        *out = p;
    else
        error = real(out, align, size);
    ht_hit_end(&hit, error ? NULL : *out);
    return error;
}

EXPORT int posix_memalign(void **out, size_t align, size_t size)
{
    early(); /* the pointer below is read after the look-up */
    return align_into(ht_next_posix_memalign, out, align, size, HT_CALLER());
}

EXPORT int tc_posix_memalign(void **out, size_t align, size_t size)
{
    early();
    return align_into(ht_next_tc_posix_memalign, out, align, size, HT_CALLER());
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
    if (HT_UNLIKELY(early()) || HT_UNLIKELY(p && ht_arena_owns(p)) ||
        __builtin_mul_overflow(n, size, &bytes)) {
        if (__builtin_mul_overflow(n, size, &bytes)) {
            errno = ENOMEM;
            return NULL;
        }
        return ht_cold_realloc(p, bytes);
    }
    if (!p)
        ALLOCATE(bytes, 0, ht_next_reallocarray(NULL, n, size));
    struct array a = {n, size};
    struct ht_resize r = {call_reallocarray, &a, bytes, false};
    return ht_resize(p, &r, ht_charge(bytes), HT_CALLER());
}

EXPORT size_t malloc_usable_size(void *p)
{
    if (HT_UNLIKELY(p && ht_arena_owns(p)))
        return ht_arena_size(p);
    return HT_UNLIKELY(early()) ? 0 : ht_next_malloc_usable_size(p);
}

EXPORT void cfree(void *p)
{
    early();
    RELEASE(p, ht_next_cfree(p), ht_next_free(p));
}

EXPORT void free_sized(void *p, size_t n)
{
    early();
    RELEASE(p, ht_next_free_sized(p, n), ht_next_free(p));
}

EXPORT void free_aligned_sized(void *p, size_t align, size_t n)
{
    early();
    RELEASE(p, ht_next_free_aligned_sized(p, align, n), ht_next_free(p));
}

#define NEW(symbol)                                                                                \
    EXPORT void *symbol(size_t n)                                                                  \
    {                                                                                              \
        ALLOCATE_NEW(n, 0, ht_direct_##symbol, ht_next_##symbol(n));                               \
    }
#define NEW_NOTHROW(symbol)                                                                        \
    EXPORT void *symbol(size_t n, const void *tag)                                                 \
    {                                                                                              \
        ALLOCATE_NEW(n, 0, ht_direct_##symbol, ht_next_##symbol(n, tag));                          \
    }
#define NEW_ALIGNED(symbol)                                                                        \
    EXPORT void *symbol(size_t n, size_t align)                                                    \
    {                                                                                              \
        ALLOCATE_NEW(n, align, ht_direct_##symbol, ht_next_##symbol(n, align));                    \
    }
#define NEW_ALIGNED_NOTHROW(symbol)                                                                \
    EXPORT void *symbol(size_t n, size_t align, const void *tag)                                   \
    {                                                                                              \
        ALLOCATE_NEW(n, align, ht_direct_##symbol, ht_next_##symbol(n, align, tag));               \
    }
NEW(_Znwm)
NEW(_Znam)
NEW_NOTHROW(_ZnwmRKSt9nothrow_t)
NEW_NOTHROW(_ZnamRKSt9nothrow_t)
NEW_ALIGNED(_ZnwmSt11align_val_t)
NEW_ALIGNED(_ZnamSt11align_val_t)
NEW_ALIGNED_NOTHROW(_ZnwmSt11align_val_tRKSt9nothrow_t)
NEW_ALIGNED_NOTHROW(_ZnamSt11align_val_tRKSt9nothrow_t)

/* Not direct: libstdc++'s calls free, which looks. */
#define DELETE(symbol, parameters, arguments)                                                      \
    EXPORT void symbol parameters                                                                  \
    {                                                                                              \
        early();                                                                                   \
        if (!ht_direct_##symbol) {                                                                 \
            ht_next_##symbol arguments;                                                            \
            return;                                                                                \
        }                                                                                          \
        RELEASE(p, ht_next_##symbol arguments, ht_next_free(p));                                   \
    }
DELETE(_ZdlPv, (void *p), (p))
DELETE(_ZdaPv, (void *p), (p))
DELETE(_ZdlPvm, (void *p, size_t n), (p, n))
DELETE(_ZdaPvm, (void *p, size_t n), (p, n))
DELETE(_ZdlPvRKSt9nothrow_t, (void *p, const void *tag), (p, tag))
DELETE(_ZdaPvRKSt9nothrow_t, (void *p, const void *tag), (p, tag))
DELETE(_ZdlPvSt11align_val_t, (void *p, size_t align), (p, align))
DELETE(_ZdaPvSt11align_val_t, (void *p, size_t align), (p, align))
DELETE(_ZdlPvmSt11align_val_t, (void *p, size_t n, size_t align), (p, n, align))
DELETE(_ZdaPvmSt11align_val_t, (void *p, size_t n, size_t align), (p, n, align))
DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, (void *p, size_t align, const void *tag),
       (p, align, tag))
DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, (void *p, size_t align, const void *tag),
       (p, align, tag))

/* tcmalloc's names for its own. */
#define TC_ALLOCATE(symbol, parameters, bytes, align, arguments)                                   \
    EXPORT void *symbol parameters                                                                 \
    {                                                                                              \
        ALLOCATE(bytes, align, ht_next_##symbol arguments);                                        \
    }
#define TC_RELEASE(symbol, parameters, arguments)                                                  \
    EXPORT void symbol parameters                                                                  \
    {                                                                                              \
        early();                                                                                   \
        RELEASE(p, ht_next_##symbol arguments, ht_next_free(p));                                   \
    }
TC_ALLOCATE(tc_malloc, (size_t n), n, 0, (n))
TC_ALLOCATE(tc_malloc_skip_new_handler, (size_t n), n, 0, (n))
TC_ALLOCATE(tc_memalign, (size_t align, size_t n), n, align, (align, n))
TC_ALLOCATE(tc_valloc, (size_t n), n, 4096, (n))
TC_ALLOCATE(tc_pvalloc, (size_t n), n, 4096, (n))
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

EXPORT void *tc_new(size_t n)
{
    ALLOCATE_NEW(n, 0, true, ht_next_tc_new(n));
}

EXPORT void *tc_newarray(size_t n)
{
    ALLOCATE_NEW(n, 0, true, ht_next_tc_newarray(n));
}

EXPORT size_t tc_malloc_size(void *p)
{
    if (HT_UNLIKELY(p && ht_arena_owns(p)))
        return ht_arena_size(p);
    return HT_UNLIKELY(early()) ? 0 : ht_next_tc_malloc_size(p);
}

EXPORT void *tc_calloc(size_t n, size_t size)
{
    size_t bytes;
    if (HT_UNLIKELY(early()) || __builtin_mul_overflow(n, size, &bytes))
        return ht_next_calloc(n, size);
    if (HT_LIKELY(!ht_charge(bytes)))
        return ht_next_tc_calloc(n, size);
    return ht_cold_calloc(n, size);
}

EXPORT void *tc_realloc(void *p, size_t n)
{
    return ht_cold_realloc(p, n);
}

/* jemalloc's flags: the low six bits are log2 of the alignment, the rest say arena, cache, zero. A
 * sampled block keeps them and gets a page's alignment, so that jemalloc itself places and clears. */
static int at_page(int flags)
{
    return (flags & 63) < 12 ? (flags & ~63) | 12 : flags;
}

EXPORT void *mallocx(size_t n, int flags)
{
    struct ht_hit hit;
    if (HT_UNLIKELY(early()))
        return ht_arena_alloc(n, 16);
    if (HT_LIKELY(!ht_charge(n)) || !ht_hit_begin(&hit, n, HT_CALLER()))
        return ht_next_mallocx(n, flags);
    return ht_hit_end(&hit, ht_next_mallocx(n, hit.place ? at_page(flags) : flags));
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
    struct ht_resize r = {call_rallocx, &a, n, true};
    early();
    return ht_resize(p, &r, ht_charge(n), HT_CALLER());
}

EXPORT size_t xallocx(void *p, size_t n, size_t extra, int flags)
{
    struct ht_record record;
    struct ht_hit hit;
    early();
    bool maybe = ht_free_begin(p, &record);
    bool sampled = ht_charge(n) && ht_hit_begin(&hit, n, HT_CALLER());
    size_t got = ht_next_xallocx(p, n, extra, flags);
    bool done = got >= n;
    if (maybe && record.found) {
        if (done)
            ht_free_account(&record);
        else
            ht_free_undo(p, &record);
    }
    if (sampled)
        ht_hit_end(&hit, done ? p : NULL);
    return got;
}

EXPORT size_t sallocx(const void *p, int flags)
{
    early();
    return ht_next_sallocx(p, flags);
}

EXPORT size_t nallocx(size_t n, int flags)
{
    early();
    return ht_next_nallocx(n, flags);
}

EXPORT void dallocx(void *p, int flags)
{
    early();
    RELEASE(p, ht_next_dallocx(p, flags), ht_next_dallocx(p, flags));
}

EXPORT void sdallocx(void *p, size_t n, int flags)
{
    early();
    RELEASE(p, ht_next_sdallocx(p, n, flags), ht_next_dallocx(p, flags));
}

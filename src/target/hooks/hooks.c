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

#include "target/allocator/backend.h"
#include "target/hooks/export.h"
#include "target/hooks/cold.h"
#include "target/allocator/place.h"

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

/*
 * An allocating hook: `call` is the real one with its own arguments. The cold part is a function of
 * its own, entered by a tail jump, so that HT_CALLER finds the program's frame and not ours, and
 * the common call leaves none of ours on the stack.
 */
#define ALLOCATE(symbol, parameters, arguments, bytes, align, call)                                \
    static __attribute__((noinline)) void *cold_##symbol parameters                                \
    {                                                                                              \
        struct ht_hit hit;                                                                         \
        if (HT_UNLIKELY(early()))                                                                  \
            return ht_arena_alloc(bytes, align);                                                   \
        if (!ht_hit_begin(&hit, bytes, HT_CALLER()))                                               \
            return call;                                                                           \
        void *placed = ht_hit_place(&hit, align);                                                  \
        return ht_hit_end(&hit, placed ? placed : call);                                           \
    }                                                                                              \
    EXPORT void *symbol parameters                                                                 \
    {                                                                                              \
        if (HT_UNLIKELY(ht_charge(bytes)))                                                         \
            return cold_##symbol arguments;                                                        \
        return call;                                                                               \
    }

/*
 * An aligned operator's own work where it has been charged here: jemalloc's calls aligned_alloc by
 * its name, which is ours and would charge it again (each counted twice at 8k). NULL: the operator
 * must do it, for it is not aligned, or there is no memory.
 */
static inline void *aligned_first(size_t align, size_t n)
{
    return align && !(align & (align - 1)) ? ht_next_aligned(align, n) : NULL;
}

/* operator new may throw: with the guard dropped, and only after malloc itself has failed. What is
 * not direct calls malloc, which charges it. */
#define ALLOCATE_NEW(symbol, parameters, arguments, bytes, align, direct)                          \
    static __attribute__((noinline)) void *cold_##symbol parameters                                \
    {                                                                                              \
        struct ht_hit hit;                                                                         \
        if (HT_UNLIKELY(early()))                                                                  \
            return ht_arena_alloc(bytes, align);                                                   \
        if (!(direct))                                                                             \
            return ht_next_##symbol arguments;                                                     \
        void *got = NULL;                                                                          \
        if (!ht_hit_begin(&hit, bytes, HT_CALLER()))                                               \
            return (got = aligned_first(align, bytes)) ? got : ht_next_##symbol arguments;         \
        got = ht_hit_place(&hit, align);                                                           \
        if (!got)                                                                                  \
            got = (align) ? aligned_first(align, bytes) : ht_next_malloc(bytes);                   \
        if (got)                                                                                   \
            return ht_hit_end(&hit, got);                                                          \
        ht_hit_cancel(&hit);                                                                       \
        return ht_next_##symbol arguments;                                                         \
    }                                                                                              \
    EXPORT void *symbol parameters                                                                 \
    {                                                                                              \
        void *got;                                                                                 \
        if (HT_UNLIKELY(!ht_next_##symbol) || ((direct) && HT_UNLIKELY(ht_charge(bytes))))         \
            return cold_##symbol arguments;                                                        \
        if ((direct) && (got = aligned_first(align, bytes)))                                       \
            return got;                                                                            \
        return ht_next_##symbol arguments;                                                         \
    }

/*
 * Those that libstdc++ implements by malloc alone: while it does, its share is done here. Its own,
 * which calls the new handler and throws, is for want of memory.
 */
#define ALLOCATE_NEW_PLAIN(symbol, parameters, arguments)                                          \
    static __attribute__((noinline)) void *cold_##symbol parameters                                \
    {                                                                                              \
        struct ht_hit hit;                                                                         \
        size_t bytes = ht_new_is_malloc ? n + !n : n;                                              \
        void *got;                                                                                 \
        if (HT_UNLIKELY(early()))                                                                  \
            return ht_arena_alloc(n, 0);                                                           \
        if (!(ht_direct_##symbol || ht_new_is_malloc))                                             \
            return ht_next_##symbol arguments;                                                     \
        if (!ht_hit_begin(&hit, bytes, HT_CALLER()))                                               \
            return ht_new_is_malloc && (got = ht_next_malloc(bytes)) ? got                         \
                                                                     : ht_next_##symbol arguments; \
        got = ht_hit_place(&hit, 0);                                                               \
        if (!got)                                                                                  \
            got = ht_next_malloc(bytes);                                                           \
        if (got)                                                                                   \
            return ht_hit_end(&hit, got);                                                          \
        ht_hit_cancel(&hit);                                                                       \
        return ht_next_##symbol arguments;                                                         \
    }                                                                                              \
    EXPORT void *symbol parameters                                                                 \
    {                                                                                              \
        if (HT_LIKELY(ht_new_is_malloc)) {                                                         \
            size_t bytes = n + !n;                                                                 \
            if (HT_UNLIKELY(ht_charge(bytes)))                                                     \
                return cold_##symbol arguments;                                                    \
            void *got = ht_next_malloc(bytes);                                                     \
            if (HT_LIKELY(got))                                                                    \
                return got;                                                                        \
        } else if (HT_UNLIKELY(!ht_next_##symbol) || (ht_direct_##symbol && ht_charge(n))) {       \
            return cold_##symbol arguments;                                                        \
        }                                                                                          \
        return ht_next_##symbol arguments;                                                         \
    }

/* A freeing hook: `unsized` when p was ours (its class is not what its size says). */
#define RELEASE(p, call, unsized)                                                                  \
    do {                                                                                           \
        if (HT_LIKELY((uintptr_t)(p)&ht_free_mask) || !(p)) {                                      \
            call;                                                                                  \
            return;                                                                                \
        }                                                                                          \
        if (HT_UNLIKELY(ht_arena_owns(p)))                                                         \
            return;                                                                                \
        if (HT_UNLIKELY(ht_live_maybe(p))) {                                                       \
            enum ht_freed freed = ht_free_sampled(p);                                              \
            if (freed == HT_FREED_UNSIZED)                                                         \
                unsized;                                                                           \
            if (freed != HT_FREED_NOT_OURS)                                                        \
                return;                                                                            \
        }                                                                                          \
        call;                                                                                      \
    } while (0)

#define PAGE             ((size_t)4096)
#define ROUND_TO_PAGE(n) ((n) > SIZE_MAX - PAGE ? (n) : ((n) + PAGE - 1) & ~(PAGE - 1))

/* Before the look-up `left` is 0, so that a call charges, borrows and goes to the cold part. */
ALLOCATE(memalign, (size_t align, size_t size), (align, size), size, align,
         ht_next_memalign(align, size))
ALLOCATE(aligned_alloc, (size_t align, size_t size), (align, size), size, align,
         ht_next_aligned_alloc(align, size))
ALLOCATE(valloc, (size_t size), (size), size, PAGE, ht_next_valloc(size))
ALLOCATE(pvalloc, (size_t size), (size), ROUND_TO_PAGE(size), PAGE, ht_next_pvalloc(size))

static inline __attribute__((always_inline)) int align_into(int (*real)(void **, size_t, size_t),
                                                            void **out, size_t align, size_t size,
                                                            uint64_t pc, uint64_t sp, uint64_t bp)
{
    struct ht_hit hit;
    if (HT_UNLIKELY(early())) {
        *out = ht_arena_alloc(size, align);
        return *out ? 0 : ENOMEM;
    }
    bool valid = align >= sizeof(void *) && !(align & (align - 1));
    if (!valid || HT_LIKELY(!ht_charge(size)) || !ht_hit_begin(&hit, size, pc, sp, bp))
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
    if (HT_UNLIKELY(ht_programs_realloc))
        return ht_programs_realloc(p, bytes);
    if (!p)
        return ht_cold_realloc(NULL, bytes);
    struct array a = {n, size};
    struct ht_resize r = {.call = call_reallocarray, .ctx = &a, .size = bytes};
    return ht_resize(p, &r, ht_charge(bytes), HT_CALLER());
}

EXPORT size_t malloc_usable_size(void *p)
{
    if (HT_UNLIKELY(p && ht_arena_owns(p)))
        return ht_arena_size(p);
    return HT_UNLIKELY(early()) ? 0 : ht_usable(p, ht_next_malloc_usable_size(p));
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

#define NEW(symbol)         ALLOCATE_NEW_PLAIN(symbol, (size_t n), (n))
#define NEW_NOTHROW(symbol) ALLOCATE_NEW_PLAIN(symbol, (size_t n, const void *tag), (n, tag))
#define NEW_ALIGNED(symbol)                                                                        \
    ALLOCATE_NEW(symbol, (size_t n, size_t align), (n, align), n, align, ht_direct_##symbol)
#define NEW_ALIGNED_NOTHROW(symbol)                                                                \
    ALLOCATE_NEW(symbol, (size_t n, size_t align, const void *tag), (n, align, tag), n, align,     \
                 ht_direct_##symbol)
NEW(_Znwm)
NEW(_Znam)
NEW_NOTHROW(_ZnwmRKSt9nothrow_t)
NEW_NOTHROW(_ZnamRKSt9nothrow_t)
NEW_ALIGNED(_ZnwmSt11align_val_t)
NEW_ALIGNED(_ZnamSt11align_val_t)
NEW_ALIGNED_NOTHROW(_ZnwmSt11align_val_tRKSt9nothrow_t)
NEW_ALIGNED_NOTHROW(_ZnamSt11align_val_tRKSt9nothrow_t)

/* Libstdc++'s plain ones only call free, with that pointer alone. */
#define DELETE_PLAIN(symbol, parameters, arguments)                                                \
    static __attribute__((noinline)) void cold_##symbol parameters                                 \
    {                                                                                              \
        early();                                                                                   \
        RELEASE(p, ht_next_##symbol arguments, ht_next_free(p));                                   \
    }                                                                                              \
    EXPORT void symbol parameters                                                                  \
    {                                                                                              \
        if (HT_LIKELY(ht_new_is_malloc && ((uintptr_t)p & ht_free_mask)))                          \
            ht_next_free(p);                                                                       \
        else if (HT_LIKELY(ht_new_is_malloc))                                                      \
            ht_filter_free(p);                                                                     \
        else if (!ht_next_##symbol || (ht_direct_##symbol && !((uintptr_t)p & ht_free_mask)))      \
            cold_##symbol arguments;                                                               \
        else                                                                                       \
            ht_next_##symbol arguments;                                                            \
    }
/* Not direct: libstdc++'s calls free, which looks. */
#define DELETE(symbol, parameters, arguments)                                                      \
    static __attribute__((noinline)) void cold_##symbol parameters                                 \
    {                                                                                              \
        early();                                                                                   \
        RELEASE(p, ht_next_##symbol arguments, ht_next_free(p));                                   \
    }                                                                                              \
    EXPORT void symbol parameters                                                                  \
    {                                                                                              \
        if (HT_UNLIKELY(!ht_next_##symbol) ||                                                      \
            (ht_direct_##symbol && !((uintptr_t)p & ht_free_mask)))                                \
            cold_##symbol arguments;                                                               \
        else                                                                                       \
            ht_next_##symbol arguments;                                                            \
    }
DELETE_PLAIN(_ZdlPv, (void *p), (p))
DELETE_PLAIN(_ZdaPv, (void *p), (p))
DELETE_PLAIN(_ZdlPvm, (void *p, size_t n), (p, n))
DELETE_PLAIN(_ZdaPvm, (void *p, size_t n), (p, n))
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
    ALLOCATE(symbol, parameters, arguments, bytes, align, ht_next_##symbol arguments)
#define TC_RELEASE(symbol, parameters, arguments)                                                  \
    EXPORT void symbol parameters                                                                  \
    {                                                                                              \
        early();                                                                                   \
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
    return HT_UNLIKELY(early()) ? 0 : ht_usable(p, ht_next_tc_malloc_size(p));
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
 * sampled block keeps them and gets a page's alignment, so that jemalloc itself places and clears.
 */
static int at_page(int flags)
{
    return (flags & 63) < 12 ? (flags & ~63) | 12 : flags;
}

static __attribute__((noinline)) void *cold_mallocx(size_t n, int flags)
{
    struct ht_hit hit;
    if (HT_UNLIKELY(early()))
        return ht_arena_alloc(n, 16);
    if (!ht_hit_begin(&hit, n, HT_CALLER()))
        return ht_next_mallocx(n, flags);
    return ht_hit_end(&hit, ht_next_mallocx(n, hit.place ? at_page(flags) : flags));
}

EXPORT void *mallocx(size_t n, int flags)
{
    if (HT_UNLIKELY(ht_charge(n)))
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
    /* A block that was placed stays in its class, which its new size does not say either. */
    bool placed = record.found && ht_marked(p) && atomic_load(&ht_aligned_once);
    uint32_t hold = placed ? ht_hold_reserve() : 0;
    uint32_t kept = hold ? record.time & HT_NODE_KEPT : 0;
    size_t got = ht_next_xallocx(p, n, extra, flags);
    bool done = got >= n;
    if (maybe && record.found) {
        if (done)
            ht_free_account(&record);
        else
            ht_free_undo(p, &record);
    }
    if (sampled && done && hold) {
        ht_hit_stays(&hit, hold, kept);
        hold = 0;
    }
    ht_hold_end(hold, done && !sampled ? p : NULL, n, kept);
    if (sampled)
        ht_hit_end(&hit, done ? p : NULL);
    return got;
}

EXPORT size_t sallocx(const void *p, int flags)
{
    early();
    return ht_usable(p, ht_next_sallocx(p, flags));
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

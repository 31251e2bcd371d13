/* SPDX-License-Identifier: MIT */
/* C++'s operators new and delete. */
#include "config.h"

#include <stdint.h>

#include "target/hooks/hook.h"

/* A plain operator's new_sampled. */
static inline __attribute__((always_inline)) void *plain_sampled(size_t bytes, uint64_t pc,
                                                                 uint64_t sp, uint64_t bp)
{
    struct ht_new_sample sample;
    if (!ht_new_sample_begin(&sample, bytes, pc, sp, bp))
        return ht_new_is_malloc ? ht_next_malloc(bytes) : NULL;
    void *got = ht_new_sample_place(&sample, 0);
    if (!got)
        got = ht_next_malloc(bytes);
    if (got)
        return ht_new_sample_commit(&sample, got);
    ht_new_sample_abort(&sample);
    return NULL;
}

/*
 * Operators that libstdc++ implements by calling malloc: while they do, the library calls the
 * allocator directly. libstdc++'s own, which calls the new handler and throws, is called only when
 * memory is out. `n` is a parameter's name, not an argument of the macro.
 */
#define ALLOCATE_NEW_PLAIN(symbol, parameters, arguments)                                          \
    static __attribute__((noinline)) void *cold_##symbol parameters                                \
    {                                                                                              \
        void *got = NULL;                                                                          \
        if (HT_UNLIKELY(resolving_here()))                                                         \
            return ht_arena_alloc(n, 0);                                                           \
        if (ht_direct_##symbol || ht_new_is_malloc)                                                \
            got = plain_sampled(ht_new_is_malloc ? n + !n : n, HT_CALLER());                       \
        return got ? got : ht_next_##symbol arguments;                                             \
    }                                                                                              \
    EXPORT void *symbol parameters                                                                 \
    {                                                                                              \
        if (HT_LIKELY(ht_new_is_malloc)) {                                                         \
            size_t bytes = n + !n;                                                                 \
            if (HT_UNLIKELY(ht_countdown(bytes)))                                                  \
                return cold_##symbol arguments;                                                    \
            void *got = ht_next_malloc(bytes);                                                     \
            if (HT_LIKELY(got))                                                                    \
                return got;                                                                        \
        } else if (HT_UNLIKELY(!ht_next_##symbol) || (ht_direct_##symbol && ht_countdown(n))) {    \
            return cold_##symbol arguments;                                                        \
        }                                                                                          \
        return ht_next_##symbol arguments;                                                         \
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
        resolving_here();                                                                          \
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
/* Not direct: libstdc++'s calls free, which looks p up. */
#define DELETE(symbol, parameters, arguments)                                                      \
    static __attribute__((noinline)) void cold_##symbol parameters                                 \
    {                                                                                              \
        resolving_here();                                                                          \
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

/* SPDX-License-Identifier: MIT */
/*
 * Every function heaptap stands in front of, once. X(symbol, return type, parameters).
 * The pointers to the next definition, their resolution and the version script come from here.
 *
 * HT_HOOKED_C: the allocator must have malloc, calloc, realloc and free; the others are built from
 *   those it has when it lacks them.
 * HT_HOOKED_NEW, HT_HOOKED_DELETE: sampled only when the next definition comes from the allocator
 *   itself (jemalloc, tcmalloc, mimalloc); libstdc++'s calls malloc, which counts it.
 * HT_HOOKED_OWN: jemalloc's, tcmalloc's and mimalloc's own calls (own_api.h): ours only where the
 *   process's malloc comes with them.
 */
#include "target/allocator/own_api.h"

#define HT_HOOKED_FOUR(X)                                                                          \
    X(malloc, void *, (size_t))                                                                    \
    X(calloc, void *, (size_t, size_t))                                                            \
    X(realloc, void *, (void *, size_t))                                                           \
    X(free, void, (void *))

#define HT_HOOKED_C_REST(X)                                                                        \
    X(reallocarray, void *, (void *, size_t, size_t))                                              \
    X(cfree, void, (void *))                                                                       \
    X(posix_memalign, int, (void **, size_t, size_t))                                              \
    X(aligned_alloc, void *, (size_t, size_t))                                                     \
    X(memalign, void *, (size_t, size_t))                                                          \
    X(valloc, void *, (size_t))                                                                    \
    X(pvalloc, void *, (size_t))                                                                   \
    X(malloc_usable_size, size_t, (void *))                                                        \
    X(free_sized, void, (void *, size_t))                                                          \
    X(free_aligned_sized, void, (void *, size_t, size_t))

#define HT_HOOKED_C(X) HT_HOOKED_FOUR(X) HT_HOOKED_C_REST(X)

/* new, new[], nothrow, aligned, and both; delete, delete[], sized, aligned, both, nothrow. */
#define HT_HOOKED_NEW(X)                                                                           \
    X(_Znwm, void *, (size_t))                                                                     \
    X(_Znam, void *, (size_t))                                                                     \
    X(_ZnwmRKSt9nothrow_t, void *, (size_t, const void *))                                         \
    X(_ZnamRKSt9nothrow_t, void *, (size_t, const void *))                                         \
    X(_ZnwmSt11align_val_t, void *, (size_t, size_t))                                              \
    X(_ZnamSt11align_val_t, void *, (size_t, size_t))                                              \
    X(_ZnwmSt11align_val_tRKSt9nothrow_t, void *, (size_t, size_t, const void *))                  \
    X(_ZnamSt11align_val_tRKSt9nothrow_t, void *, (size_t, size_t, const void *))

#define HT_HOOKED_DELETE(X)                                                                        \
    X(_ZdlPv, void, (void *))                                                                      \
    X(_ZdaPv, void, (void *))                                                                      \
    X(_ZdlPvm, void, (void *, size_t))                                                             \
    X(_ZdaPvm, void, (void *, size_t))                                                             \
    X(_ZdlPvRKSt9nothrow_t, void, (void *, const void *))                                          \
    X(_ZdaPvRKSt9nothrow_t, void, (void *, const void *))                                          \
    X(_ZdlPvSt11align_val_t, void, (void *, size_t))                                               \
    X(_ZdaPvSt11align_val_t, void, (void *, size_t))                                               \
    X(_ZdlPvmSt11align_val_t, void, (void *, size_t, size_t))                                      \
    X(_ZdaPvmSt11align_val_t, void, (void *, size_t, size_t))                                      \
    X(_ZdlPvSt11align_val_tRKSt9nothrow_t, void, (void *, size_t, const void *))                   \
    X(_ZdaPvSt11align_val_tRKSt9nothrow_t, void, (void *, size_t, const void *))

#define HT_HOOKED(X)                                                                               \
    HT_HOOKED_C(X)                                                                                 \
    HT_HOOKED_NEW(X)                                                                               \
    HT_HOOKED_DELETE(X)                                                                            \
    HT_HOOKED_OWN(X)

/* SPDX-License-Identifier: MIT */
/*
 * The functions that jemalloc, tcmalloc and mimalloc have besides the malloc family, as hooked.h
 * lists them. A program may look for them by a weak symbol or by dlsym, and a library loaded later
 * may bring its own, so they are visible only where malloc comes with them (os/rebind.h).
 */
#ifndef HEAPTAP_SRC_TARGET_ALLOCATOR_OWN_API_H
#define HEAPTAP_SRC_TARGET_ALLOCATOR_OWN_API_H

#define HT_HOOKED_JE_TC(X)                                                                         \
    X(mallocx, void *, (size_t, int))                                                              \
    X(rallocx, void *, (void *, size_t, int))                                                      \
    X(xallocx, size_t, (void *, size_t, size_t, int))                                              \
    X(sallocx, size_t, (const void *, int))                                                        \
    X(dallocx, void, (void *, int))                                                                \
    X(sdallocx, void, (void *, size_t, int))                                                       \
    X(nallocx, size_t, (size_t, int))                                                              \
    X(tc_malloc, void *, (size_t))                                                                 \
    X(tc_malloc_skip_new_handler, void *, (size_t))                                                \
    X(tc_calloc, void *, (size_t, size_t))                                                         \
    X(tc_realloc, void *, (void *, size_t))                                                        \
    X(tc_free, void, (void *))                                                                     \
    X(tc_free_sized, void, (void *, size_t))                                                       \
    X(tc_cfree, void, (void *))                                                                    \
    X(tc_memalign, void *, (size_t, size_t))                                                       \
    X(tc_posix_memalign, int, (void **, size_t, size_t))                                           \
    X(tc_valloc, void *, (size_t))                                                                 \
    X(tc_pvalloc, void *, (size_t))                                                                \
    X(tc_malloc_size, size_t, (void *))                                                            \
    X(tc_new, void *, (size_t))                                                                    \
    X(tc_newarray, void *, (size_t))                                                               \
    X(tc_new_nothrow, void *, (size_t, const void *))                                              \
    X(tc_newarray_nothrow, void *, (size_t, const void *))                                         \
    X(tc_delete, void, (void *))                                                                   \
    X(tc_deletearray, void, (void *))                                                              \
    X(tc_delete_sized, void, (void *, size_t))                                                     \
    X(tc_deletearray_sized, void, (void *, size_t))                                                \
    X(tc_delete_nothrow, void, (void *, const void *))                                             \
    X(tc_deletearray_nothrow, void, (void *, const void *))

/* The first parameter of mi_heap_* is a heap. */
#define HT_HOOKED_MI(X)                                                                            \
    X(mi_malloc, void *, (size_t))                                                                 \
    X(mi_malloc_small, void *, (size_t))                                                           \
    X(mi_zalloc, void *, (size_t))                                                                 \
    X(mi_zalloc_small, void *, (size_t))                                                           \
    X(mi_calloc, void *, (size_t, size_t))                                                         \
    X(mi_mallocn, void *, (size_t, size_t))                                                        \
    X(mi_malloc_aligned, void *, (size_t, size_t))                                                 \
    X(mi_malloc_aligned_at, void *, (size_t, size_t, size_t))                                      \
    X(mi_zalloc_aligned, void *, (size_t, size_t))                                                 \
    X(mi_zalloc_aligned_at, void *, (size_t, size_t, size_t))                                      \
    X(mi_calloc_aligned, void *, (size_t, size_t, size_t))                                         \
    X(mi_calloc_aligned_at, void *, (size_t, size_t, size_t, size_t))                              \
    X(mi_memalign, void *, (size_t, size_t))                                                       \
    X(mi_aligned_alloc, void *, (size_t, size_t))                                                  \
    X(mi_valloc, void *, (size_t))                                                                 \
    X(mi_pvalloc, void *, (size_t))                                                                \
    X(mi_posix_memalign, int, (void **, size_t, size_t))                                           \
    X(mi_strdup, char *, (const char *))                                                           \
    X(mi_strndup, char *, (const char *, size_t))                                                  \
    X(mi_new, void *, (size_t))                                                                    \
    X(mi_new_nothrow, void *, (size_t))                                                            \
    X(mi_new_aligned, void *, (size_t, size_t))                                                    \
    X(mi_new_aligned_nothrow, void *, (size_t, size_t))                                            \
    X(mi_new_n, void *, (size_t, size_t))                                                          \
    X(mi_heap_malloc, void *, (void *, size_t))                                                    \
    X(mi_heap_malloc_small, void *, (void *, size_t))                                              \
    X(mi_heap_zalloc, void *, (void *, size_t))                                                    \
    X(mi_heap_calloc, void *, (void *, size_t, size_t))                                            \
    X(mi_heap_mallocn, void *, (void *, size_t, size_t))                                           \
    X(mi_heap_malloc_aligned, void *, (void *, size_t, size_t))                                    \
    X(mi_heap_malloc_aligned_at, void *, (void *, size_t, size_t, size_t))                         \
    X(mi_heap_zalloc_aligned, void *, (void *, size_t, size_t))                                    \
    X(mi_heap_zalloc_aligned_at, void *, (void *, size_t, size_t, size_t))                         \
    X(mi_heap_calloc_aligned, void *, (void *, size_t, size_t, size_t))                            \
    X(mi_heap_calloc_aligned_at, void *, (void *, size_t, size_t, size_t, size_t))                 \
    X(mi_heap_strdup, char *, (void *, const char *))                                              \
    X(mi_heap_strndup, char *, (void *, const char *, size_t))                                     \
    X(mi_heap_alloc_new, void *, (void *, size_t))                                                 \
    X(mi_heap_alloc_new_n, void *, (void *, size_t, size_t))                                       \
    X(mi_heap_destroy, void, (void *))                                                             \
    X(mi_heap_contains_block, bool, (void *, const void *))                                        \
    X(mi_realloc, void *, (void *, size_t))                                                        \
    X(mi_reallocn, void *, (void *, size_t, size_t))                                               \
    X(mi_reallocf, void *, (void *, size_t))                                                       \
    X(mi_rezalloc, void *, (void *, size_t))                                                       \
    X(mi_recalloc, void *, (void *, size_t, size_t))                                               \
    X(mi_realloc_aligned, void *, (void *, size_t, size_t))                                        \
    X(mi_realloc_aligned_at, void *, (void *, size_t, size_t, size_t))                             \
    X(mi_rezalloc_aligned, void *, (void *, size_t, size_t))                                       \
    X(mi_rezalloc_aligned_at, void *, (void *, size_t, size_t, size_t))                            \
    X(mi_recalloc_aligned, void *, (void *, size_t, size_t, size_t))                               \
    X(mi_recalloc_aligned_at, void *, (void *, size_t, size_t, size_t, size_t))                    \
    X(mi_aligned_recalloc, void *, (void *, size_t, size_t, size_t))                               \
    X(mi_aligned_offset_recalloc, void *, (void *, size_t, size_t, size_t, size_t))                \
    X(mi_heap_realloc, void *, (void *, void *, size_t))                                           \
    X(mi_heap_reallocn, void *, (void *, void *, size_t, size_t))                                  \
    X(mi_heap_reallocf, void *, (void *, void *, size_t))                                          \
    X(mi_heap_rezalloc, void *, (void *, void *, size_t))                                          \
    X(mi_heap_recalloc, void *, (void *, void *, size_t, size_t))                                  \
    X(mi_heap_realloc_aligned, void *, (void *, void *, size_t, size_t))                           \
    X(mi_heap_realloc_aligned_at, void *, (void *, void *, size_t, size_t, size_t))                \
    X(mi_heap_rezalloc_aligned, void *, (void *, void *, size_t, size_t))                          \
    X(mi_heap_rezalloc_aligned_at, void *, (void *, void *, size_t, size_t, size_t))               \
    X(mi_heap_recalloc_aligned, void *, (void *, void *, size_t, size_t, size_t))                  \
    X(mi_heap_recalloc_aligned_at, void *, (void *, void *, size_t, size_t, size_t, size_t))       \
    X(mi_reallocarray, void *, (void *, size_t, size_t))                                           \
    X(mi_reallocarr, int, (void *, size_t, size_t))                                                \
    X(mi_new_realloc, void *, (void *, size_t))                                                    \
    X(mi_new_reallocn, void *, (void *, size_t, size_t))                                           \
    X(mi_expand, void *, (void *, size_t))                                                         \
    X(mi__expand, void *, (void *, size_t))                                                        \
    X(reallocf, void *, (void *, size_t))                                                          \
    X(reallocarr, int, (void *, size_t, size_t))                                                   \
    X(mi_free, void, (void *))                                                                     \
    X(mi_cfree, void, (void *))                                                                    \
    X(mi_free_size, void, (void *, size_t))                                                        \
    X(mi_free_size_aligned, void, (void *, size_t, size_t))                                        \
    X(mi_free_aligned, void, (void *, size_t))                                                     \
    X(vfree, void, (void *))                                                                       \
    X(mi_usable_size, size_t, (const void *))                                                      \
    X(mi_malloc_size, size_t, (const void *))                                                      \
    X(mi_malloc_usable_size, size_t, (const void *))                                               \
    X(malloc_size, size_t, (const void *))

#define HT_HOOKED_OWN(X)                                                                           \
    HT_HOOKED_JE_TC(X)                                                                             \
    HT_HOOKED_MI(X)

#ifndef HT_NAMES_ONLY /* not for the linker's script, which includes this too */
/* Makes those visible that come with the allocator underneath. To be called once, when the
 * loader has relocated everything and before the program has threads. The only system call is
 * mprotect, and only where there are such functions. */
void ht_own_api_take(void);
#endif

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The least that a preloaded library can do: each function is one jump through a pointer to the
 * next definition. What a run takes longer under it than bare is the price of standing in between,
 * which any interposing profiler pays before it does anything. Never installed.
 */
#include <dlfcn.h>
#include <stddef.h>

#define WRAPPED(X)                                                                                 \
    X(void *, malloc, (size_t n), (n))                                                             \
    X(void *, calloc, (size_t n, size_t size), (n, size))                                          \
    X(void *, realloc, (void *p, size_t n), (p, n))                                                \
    X(void *, reallocarray, (void *p, size_t n, size_t size), (p, n, size))                        \
    X(int, posix_memalign, (void **p, size_t align, size_t n), (p, align, n))                      \
    X(void *, aligned_alloc, (size_t align, size_t n), (align, n))                                 \
    X(void *, memalign, (size_t align, size_t n), (align, n))                                      \
    X(void *, valloc, (size_t n), (n))                                                             \
    X(void *, pvalloc, (size_t n), (n))                                                            \
    X(size_t, malloc_usable_size, (void *p), (p))

/* The pointer leads to a look-up first, which need not allocate: glibc's dlsym does when it fails
 * only. */
#define WRAP(type, name, params, args)                                                             \
    type name params;                                                                              \
    static type first_##name params;                                                               \
    static type(*next_##name) params = first_##name;                                               \
    __attribute__((visibility("default"))) type name params                                        \
    {                                                                                              \
        return next_##name args;                                                                   \
    }
WRAPPED(WRAP)

void free(void *p);
static void first_free(void *p);
static void (*next_free)(void *p) = first_free;
__attribute__((visibility("default"))) void free(void *p)
{
    next_free(p);
}

static void find(void)
{
#define FIND(type, name, params, args) *(void **)&next_##name = dlsym(RTLD_NEXT, #name);
    WRAPPED(FIND)
    *(void **)&next_free = dlsym(RTLD_NEXT, "free");
}

#define FIRST(type, name, params, args)                                                            \
    static type first_##name params                                                                \
    {                                                                                              \
        find();                                                                                    \
        return next_##name args;                                                                   \
    }
WRAPPED(FIRST)

static void first_free(void *p)
{
    find();
    next_free(p);
}

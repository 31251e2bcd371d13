/* SPDX-License-Identifier: MIT */
/* Operators built on malloc and free, for programs that have no others in sight. */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "target/allocator/backend.h"
#include "target/allocator/operators.h"
#include "target/state/state.h"

/*
 * operator new is out of memory: the caller's C++ library must run the new handler and throw. It is
 * looked up by name, without loading it; allocations that succeed never come here.
 */
HT_ALWAYS_INLINE void *theirs(const char *symbol)
{
    void *library = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_NOLOAD); /* os/libc.c's */
    if (!library)
        library = dlopen("libc++.so.1", RTLD_LAZY | RTLD_NOLOAD);
    return library ? dlsym(library, symbol) : NULL;
}

static void *b_new(size_t n)
{
    void *p = ht_next_malloc(n ? n : 1);
    if (p)
        return p;
    void *(*fail)(size_t) = (void *(*)(size_t))theirs("_Znwm");
    if (!fail)
        abort(); /* as a C++ runtime without exceptions does */
    return fail(n);
}

static void *b_new_nothrow(size_t n, const void *tag)
{
    void *p = ht_next_malloc(n ? n : 1);
    if (p)
        return p;
    void *(*fail)(size_t, const void *) =
        (void *(*)(size_t, const void *))theirs("_ZnwmRKSt9nothrow_t");
    return fail ? fail(n, tag) : NULL;
}

static void *b_new_aligned_nothrow(size_t n, size_t align, const void *tag)
{
    void *p = ht_next_aligned(align, n ? n : 1);
    if (p)
        return p;
    void *(*fail)(size_t, size_t, const void *) =
        (void *(*)(size_t, size_t, const void *))theirs("_ZnwmSt11align_val_tRKSt9nothrow_t");
    return fail ? fail(n, align, tag) : NULL;
}

static void *b_new_aligned(size_t n, size_t align)
{
    void *p = ht_next_aligned(align, n ? n : 1);
    if (p)
        return p;
    void *(*fail)(size_t, size_t) = (void *(*)(size_t, size_t))theirs("_ZnwmSt11align_val_t");
    if (!fail)
        abort();
    return fail(n, align);
}

static void b_delete(void *p)
{
    ht_next_free(p);
}

static void b_delete_size(void *p, size_t n)
{
    ht_next_free(p);
}

static void b_delete_tag(void *p, const void *tag)
{
    ht_next_free(p);
}

static void b_delete_size_align(void *p, size_t n, size_t align)
{
    ht_next_free(p);
}

static void b_delete_align_tag(void *p, size_t align, const void *tag)
{
    ht_next_free(p);
}

#define BUILD(symbol, fn)                                                                          \
    if (!ht_next_##symbol)                                                                         \
        ht_next_##symbol = fn;

void ht_build_operators(void)
{
    BUILD(_Znwm, b_new)
    BUILD(_Znam, b_new)
    BUILD(_ZnwmRKSt9nothrow_t, b_new_nothrow)
    BUILD(_ZnamRKSt9nothrow_t, b_new_nothrow)
    BUILD(_ZnwmSt11align_val_t, b_new_aligned)
    BUILD(_ZnamSt11align_val_t, b_new_aligned)
    BUILD(_ZnwmSt11align_val_tRKSt9nothrow_t, b_new_aligned_nothrow)
    BUILD(_ZnamSt11align_val_tRKSt9nothrow_t, b_new_aligned_nothrow)
    BUILD(_ZdlPv, b_delete)
    BUILD(_ZdaPv, b_delete)
    BUILD(_ZdlPvm, b_delete_size)
    BUILD(_ZdaPvm, b_delete_size)
    BUILD(_ZdlPvRKSt9nothrow_t, b_delete_tag)
    BUILD(_ZdaPvRKSt9nothrow_t, b_delete_tag)
    BUILD(_ZdlPvSt11align_val_t, b_delete_size)
    BUILD(_ZdaPvSt11align_val_t, b_delete_size)
    BUILD(_ZdlPvmSt11align_val_t, b_delete_size_align)
    BUILD(_ZdaPvmSt11align_val_t, b_delete_size_align)
    BUILD(_ZdlPvSt11align_val_tRKSt9nothrow_t, b_delete_align_tag)
    BUILD(_ZdaPvSt11align_val_tRKSt9nothrow_t, b_delete_align_tag)
}

/* SPDX-License-Identifier: MIT */
/* Operators and extensions built on malloc and free, for programs that have no others in sight. */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "target/allocator/backend.h"
#include "target/allocator/operators.h"
#include "target/state/state.h"

/*
 * Out of memory in operator new: the C++ library of whoever called must run the new handler and
 * throw. It is asked for by name, without loading it: this is no path that allocations take.
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

/* jemalloc's flags: the low six bits are log2 of the alignment, 0x40 asks for zeroes. */
#define MX_ALIGN(flags) ((flags)&63 ? (size_t)1 << ((flags)&63) : 16)
#define MX_ZERO         0x40

static void *b_mallocx(size_t n, int flags)
{
    size_t align = MX_ALIGN(flags);
    if (align <= 16)
        return flags & MX_ZERO ? ht_next_calloc(1, n) : ht_next_malloc(n);
    void *p = ht_next_aligned(align, n);
    if (p && (flags & MX_ZERO))
        memset(p, 0, n);
    return p;
}

static void *b_rallocx(void *p, size_t n, int flags)
{
    size_t old = ht_next_malloc_usable_size(p);
    void *q = b_mallocx(n, flags);
    if (q) {
        memcpy(q, p, old < n ? old : n);
        ht_next_free(p);
    }
    return q;
}

static size_t b_xallocx(void *p, size_t n, size_t extra, int flags)
{
    return ht_next_malloc_usable_size(p);
}

static size_t b_sallocx(const void *p, int flags)
{
    return ht_next_malloc_usable_size((void *)p);
}

static void b_dallocx(void *p, int flags)
{
    ht_next_free(p);
}

static void b_sdallocx(void *p, size_t n, int flags)
{
    ht_next_free(p);
}

static size_t b_nallocx(size_t n, int flags)
{
    size_t align = MX_ALIGN(flags);
    return n > SIZE_MAX - align ? 0 : (n + align - 1) & ~(align - 1);
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
    BUILD(mallocx, b_mallocx)
    BUILD(rallocx, b_rallocx)
    BUILD(xallocx, b_xallocx)
    BUILD(sallocx, b_sallocx)
    BUILD(dallocx, b_dallocx)
    BUILD(sdallocx, b_sdallocx)
    BUILD(nallocx, b_nallocx)
    BUILD(tc_malloc, ht_next_malloc)
    BUILD(tc_malloc_skip_new_handler, ht_next_malloc)
    BUILD(tc_calloc, ht_next_calloc)
    BUILD(tc_realloc, ht_next_realloc)
    BUILD(tc_free, ht_next_free)
    BUILD(tc_free_sized, b_delete_size)
    BUILD(tc_cfree, ht_next_free)
    BUILD(tc_memalign, ht_next_memalign)
    BUILD(tc_posix_memalign, ht_next_posix_memalign)
    BUILD(tc_valloc, ht_next_valloc)
    BUILD(tc_pvalloc, ht_next_pvalloc)
    BUILD(tc_malloc_size, ht_next_malloc_usable_size)
    BUILD(tc_new, b_new)
    BUILD(tc_newarray, b_new)
    BUILD(tc_new_nothrow, b_new_nothrow)
    BUILD(tc_newarray_nothrow, b_new_nothrow)
    BUILD(tc_delete, b_delete)
    BUILD(tc_deletearray, b_delete)
    BUILD(tc_delete_sized, b_delete_size)
    BUILD(tc_deletearray_sized, b_delete_size)
    BUILD(tc_delete_nothrow, b_delete_tag)
    BUILD(tc_deletearray_nothrow, b_delete_tag)
}

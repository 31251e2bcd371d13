/* SPDX-License-Identifier: MIT */
/*
 * Looks up the next definitions, once, before the first allocation is answered. Until then the
 * function pointers lead to functions that do the look-up and call again; allocations during the
 * look-up come from a small arena. A function that the allocator lacks is built from those it has.
 * It is never taken from the next library, whose blocks this allocator's free does not know.
 */
#include "config.h"

#include "target/allocator/backend.h"

#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "target/allocator/operators.h"
#include "target/os/libc.h"
#include "target/os/loader.h"
#include "target/os/machine.h"
#include "target/os/object.h"
#include "target/state/state.h"
#include "target/tables/live.h"

_Alignas(HT_PAGE_SIZE) unsigned char ht_arena[HT_ARENA_PAGES * HT_PAGE_SIZE];
static _Atomic uint32_t arena_used; /* pages */
static uint32_t arena_sizes[HT_ARENA_PAGES];

void *ht_arena_alloc(size_t size, size_t align)
{
    size_t pages = size ? (size + HT_PAGE_SIZE - 1) / HT_PAGE_SIZE : 1;
    if (size > sizeof ht_arena || align > HT_PAGE_SIZE)
        return NULL;
    uint32_t at = atomic_fetch_add_explicit(&arena_used, (uint32_t)pages, memory_order_relaxed);
    if (at + pages > HT_ARENA_PAGES)
        return NULL;
    arena_sizes[at] = (uint32_t)size;
    ht_live_always(ht_arena +
                   /* every free of it takes the cold path, which knows the arena */
                   (size_t)at * HT_PAGE_SIZE);
    return ht_arena + (size_t)at * HT_PAGE_SIZE;
}

size_t ht_arena_size(const void *p)
{
    return arena_sizes[((uintptr_t)p - (uintptr_t)ht_arena) / HT_PAGE_SIZE];
}

/* The first values of the pointers: each looks everything up and then calls the function found.
 * The hooks check for the arena before they call these, so a nested call ends. */
static void *first_malloc(size_t n);
static void *first_calloc(size_t n, size_t size);
static void *first_realloc(void *p, size_t n);
static void first_free(void *p);

void *(*ht_next_malloc)(size_t) = first_malloc;
void *(*ht_next_calloc)(size_t, size_t) = first_calloc;
void *(*ht_next_realloc)(void *, size_t) = first_realloc;
void (*ht_next_free)(void *) = first_free;
void *(*ht_programs_realloc)(void *, size_t);

#define DEFINE_NEXT(symbol, type, parameters) type(*ht_next_##symbol) parameters;
HT_HOOKED_C_REST(DEFINE_NEXT)
HT_HOOKED_NEW(DEFINE_NEXT)
HT_HOOKED_DELETE(DEFINE_NEXT)
HT_HOOKED_OWN(DEFINE_NEXT)

#define DEFINE_DIRECT(symbol, type, parameters) bool ht_direct_##symbol;
HT_HOOKED_NEW(DEFINE_DIRECT)
HT_HOOKED_DELETE(DEFINE_DIRECT)

bool ht_new_is_malloc;

_Atomic uint32_t ht_backend_state;

static void *first_malloc(size_t n)
{
    ht_backend_resolve();
    return ht_backend_ready() ? ht_next_malloc(n) : ht_arena_alloc(n, 16);
}

static void *first_calloc(size_t n, size_t size)
{
    ht_backend_resolve();
    size_t bytes;
    if (ht_backend_ready())
        return ht_next_calloc(n, size);
    return __builtin_mul_overflow(n, size, &bytes) ? NULL : ht_arena_alloc(bytes, 16);
}

static void *first_realloc(void *p, size_t n)
{
    ht_backend_resolve();
    if (ht_backend_ready())
        return ht_next_realloc(p, n);
    return p ? NULL : ht_arena_alloc(n, 16);
}

static void first_free(void *p)
{
    ht_backend_resolve();
    if (ht_backend_ready())
        ht_next_free(p);
}

/* Functions that the allocator lacks are built from those it has (jemalloc has no pvalloc).
 * Taking one from the next library would hand that allocator's blocks to this one's free. */
void *ht_next_aligned(size_t align, size_t size)
{
    void *p = NULL;
    if (ht_next_memalign)
        return ht_next_memalign(align, size);
    if (ht_next_posix_memalign)
        return ht_next_posix_memalign(&p, align, size) ? NULL : p;
    return ht_next_aligned_alloc ? ht_next_aligned_alloc(align, size) : NULL;
}

static void *built_reallocarray(void *p, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return ht_next_realloc(p, bytes);
}

static void built_cfree(void *p)
{
    ht_next_free(p);
}

static int built_posix_memalign(void **out, size_t align, size_t size)
{
    if (align < sizeof(void *) || (align & (align - 1)))
        return EINVAL;
    int saved = errno;
    void *p = ht_next_memalign ? ht_next_memalign(align, size) : ht_next_aligned_alloc(align, size);
    errno = saved;
    if (!p)
        return ENOMEM;
    *out = p;
    return 0;
}

static void *built_aligned(size_t align, size_t size)
{
    void *p = NULL;
    if (align < sizeof(void *))
        align = sizeof(void *);
    int error = ht_next_posix_memalign(&p, align, size);
    if (error) {
        errno = error;
        return NULL;
    }
    return p;
}

static void *built_valloc(size_t size)
{
    return ht_next_aligned((size_t)sysconf(_SC_PAGESIZE), size);
}

static void *built_pvalloc(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (size > SIZE_MAX - page) {
        errno = ENOMEM;
        return NULL;
    }
    return ht_next_aligned(page, size ? (size + page - 1) & ~(page - 1) : page);
}

static size_t built_usable_size(void *p)
{
    return 0;
}

static void built_free_sized(void *p, size_t n)
{
    ht_next_free(p);
}

static void built_free_aligned_sized(void *p, size_t align, size_t n)
{
    ht_next_free(p);
}

/* The object a function lies in; 0 when unknown. */
static uint64_t object_of(const void *fn)
{
    struct ht_object o;
    return fn && ht_object_find((uint64_t)fn, &o) ? o.link_map : 0;
}

static bool in_libstdcxx(const void *fn)
{
    struct ht_object o;
    if (!fn || !ht_object_find((uint64_t)fn, &o))
        return false;
    const char *path = ((const struct link_map *)o.link_map)->l_name, *name = strrchr(path, '/');
    return !strncmp(name ? name + 1 : path, "libstdc++.so.", 13);
}

/* True when the program's operator is the library's own, and the next one is libstdc++'s. */
static bool is_default_operator(const char *symbol, const void *next, uint64_t ours)
{
    return object_of(ht_first_symbol(symbol)) == ours && in_libstdcxx(next);
}

/*
 * False when the program, or a library that comes before this one, defines malloc, which
 * libstdc++'s operators then call; or some of the operators, which libstdc++'s others call.
 */
static bool new_is_malloc(void)
{
    uint64_t ours = object_of((void *)new_is_malloc);
#define PLAIN(symbol) is_default_operator(#symbol, (void *)ht_next_##symbol, ours)
    return object_of(ht_first_symbol("malloc")) == ours &&
           object_of(ht_first_symbol("free")) == ours && PLAIN(_Znwm) && PLAIN(_Znam) &&
           PLAIN(_ZnwmRKSt9nothrow_t) && PLAIN(_ZnamRKSt9nothrow_t) && PLAIN(_ZdlPv) &&
           PLAIN(_ZdaPv) && PLAIN(_ZdlPvm) && PLAIN(_ZdaPvm);
}

/* True when fn is known to lie in another object than the allocator. An unknown one may be the
 * allocator's own. */
static bool in_other_object(const void *fn, uint64_t allocator)
{
    uint64_t at = allocator ? object_of(fn) : 0;
    return at && at != allocator;
}

/* For an allocator that has none of the three: functions built on each other would never end. */
static void *built_none(size_t align, size_t size)
{
    errno = ENOMEM;
    return NULL;
}

/* mimalloc's; jemalloc and tcmalloc have nallocx */
static size_t (*ht_next_good_size)(size_t);
static enum { BY_NOTHING, BY_GOOD_SIZE, BY_NALLOCX, BY_GLIBC } size_class_by;
static bool may_place;

static void find_size_class(uint64_t allocator, const void *m)
{
    ht_next_good_size = (size_t(*)(size_t))ht_next_symbol("mi_good_size");
    if (ht_next_nallocx)
        size_class_by = BY_NALLOCX;
    else if (allocator && object_of((void *)ht_next_good_size) == allocator)
        size_class_by = BY_GOOD_SIZE;
    else if (m && m == ht_next_symbol("__libc_malloc"))
        size_class_by = BY_GLIBC;
    /* An allocator whose blocks have no spare byte may check what lies behind them. glibc before
     * 2.34 did so itself under MALLOC_CHECK_. */
    may_place = size_class_by == BY_GOOD_SIZE ||
                (size_class_by == BY_GLIBC && !getenv("MALLOC_CHECK_")) ||
                (size_class_by == BY_NALLOCX && ht_next_nallocx(25, 0) > 25);
}

uint64_t ht_allocator_start, ht_allocator_size;

/* malloc is m. The C library is not the allocator's alone, and neither is the program. */
static void find_allocator(const void *m)
{
    struct ht_object o;
    if (size_class_by == BY_GLIBC || !m || !ht_object_find((uint64_t)m, &o) ||
        o.start == ht_main_start || o.start == ht_self.start)
        return;
    ht_allocator_start = o.start;
    ht_allocator_size = o.end - o.start;
}

size_t ht_good_size(size_t size)
{
    switch (size_class_by) {
    case BY_NALLOCX:
        return ht_next_nallocx(size ? size : 1, 0);
    case BY_GOOD_SIZE:
        return ht_next_good_size(size);
    case BY_GLIBC: /* chunks have 32 bytes or more, in steps of 16, of which 8 are glibc's own */
        return size <= 24 ? 24 : ((size + 8 + 15) & ~(size_t)15) - 8;
    default:
        return size;
    }
}

bool ht_has_classes(void)
{
    return size_class_by != BY_GLIBC;
}

bool ht_may_place(void)
{
    return may_place;
}

void ht_place_nothing(void)
{
    may_place = false;
}

bool ht_next_is_glibc(void)
{
    return size_class_by == BY_GLIBC;
}

/* glibc cuts a block that shrinks. jemalloc keeps it in its class; tcmalloc and mimalloc while half
 * of it is in use. */
bool ht_stays_in_place(size_t usable, size_t n)
{
    return n <= usable && (size_class_by == BY_GLIBC || size_class_by == BY_NOTHING ||
                           n >= usable / 2 || ht_good_size(n) == usable);
}

#define FIND(symbol) ht_next_##symbol = (__typeof__(ht_next_##symbol))ht_next_symbol(#symbol)
#define KEEP(symbol, type, parameters)                                                             \
    FIND(symbol);                                                                                  \
    if (in_other_object((void *)ht_next_##symbol, allocator))                                      \
        ht_next_##symbol = NULL;
#define FIND_ANY(symbol, type, parameters) FIND(symbol);

static void look_up(void)
{
    /* These four pointers stay the first_ functions until everything is known. */
    void *m = ht_next_symbol("malloc"), *c = ht_next_symbol("calloc");
    void *r = ht_next_symbol("realloc"), *f = ht_next_symbol("free");
    void *first = ht_first_symbol("realloc");
    ht_object_setup();
    uint64_t allocator = object_of(m);
    if (object_of(first) != object_of((void *)look_up))
        ht_programs_realloc = (void *(*)(void *, size_t))first;
    KEEP(cfree, , )
    KEEP(posix_memalign, , )
    KEEP(aligned_alloc, , )
    KEEP(memalign, , )
    KEEP(valloc, , )
    KEEP(pvalloc, , )
    KEEP(malloc_usable_size, , )
    KEEP(free_sized, , )
    KEEP(free_aligned_sized, , )
    HT_HOOKED_NEW(FIND_ANY)
    HT_HOOKED_DELETE(FIND_ANY)
    ht_new_is_malloc = new_is_malloc();
    KEEP(nallocx, , )
    find_size_class(allocator, m);
    find_allocator(m);
#define DIRECT(symbol, type, parameters)                                                           \
    ht_direct_##symbol =                                                                           \
        !ht_next_##symbol || (allocator && object_of((void *)ht_next_##symbol) == allocator);
    HT_HOOKED_NEW(DIRECT)
    HT_HOOKED_DELETE(DIRECT)

    ht_next_malloc = (void *(*)(size_t))m;
    ht_next_calloc = (void *(*)(size_t, size_t))c;
    ht_next_realloc = (void *(*)(void *, size_t))r;
    ht_next_free = (void (*)(void *))f;
    if (!ht_next_posix_memalign && !ht_next_memalign && !ht_next_aligned_alloc)
        ht_next_memalign = built_none;
    if (!ht_next_posix_memalign)
        ht_next_posix_memalign = built_posix_memalign;
    if (!ht_next_memalign)
        ht_next_memalign = ht_next_aligned_alloc ? ht_next_aligned_alloc : built_aligned;
    if (!ht_next_aligned_alloc)
        ht_next_aligned_alloc = ht_next_memalign;
#define BUILD(symbol, built)                                                                       \
    if (!ht_next_##symbol)                                                                         \
        ht_next_##symbol = built;
    /* Never glibc's: it calls the exported realloc, so the block would be counted twice. */
    ht_next_reallocarray = built_reallocarray;
    BUILD(cfree, built_cfree)
    BUILD(valloc, built_valloc)
    BUILD(pvalloc, built_pvalloc)
    BUILD(malloc_usable_size, built_usable_size)
    BUILD(free_sized, built_free_sized)
    BUILD(free_aligned_sized, built_free_aligned_sized)
    ht_build_operators();
}

__attribute__((noinline)) /* cold; tests/calls ends the malloc class here */
void ht_backend_resolve(void)
{
    uint32_t none = HT_BACKEND_UNRESOLVED;
    /* The first allocation of a process comes before it has threads; a second thread that gets
     * here waits for the first, whose look-up takes no lock that this one can hold. */
    if (atomic_compare_exchange_strong(&ht_backend_state, &none, HT_BACKEND_RESOLVING)) {
        ht_tls.reentrancy_depth++;
        ht_loader_keep(true);
        ht_libc_find();
        look_up();
        ht_loader_keep(false);
        ht_tls.reentrancy_depth--;
        atomic_store_explicit(&ht_backend_state, HT_BACKEND_RESOLVED, memory_order_release);
        return;
    }
    if (ht_tls.reentrancy_depth)
        return;
    while (!ht_backend_ready())
        ht_relax();
}

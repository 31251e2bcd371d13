/* SPDX-License-Identifier: MIT */
/* Text profiles do not say which frames are uninteresting. pprof has a list for them, and a
 * report that agrees with pprof's must use the same names. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "profile/legacy.h"

static const char allocators[] =
    "calloc|cfree|malloc|free|memalign|do_memalign|(__)?posix_memalign|pvalloc|valloc|realloc|"
    "tcmalloc::.*|tc_calloc|tc_cfree|tc_malloc|tc_free|tc_memalign|tc_posix_memalign|tc_pvalloc|"
    "tc_valloc|tc_realloc|tc_new|tc_delete|tc_newarray|tc_deletearray|tc_new_nothrow|"
    "tc_newarray_nothrow|"
    "malloc_zone_malloc|malloc_zone_calloc|malloc_zone_valloc|malloc_zone_realloc|"
    "malloc_zone_memalign|malloc_zone_free|"
    "runtime\\..*|"
    "BaseArena::.*|(::)?do_malloc_no_errno|(::)?do_malloc_pages|(::)?do_malloc|"
    "DoSampledAllocation|MallocedMemBlock::MallocedMemBlock|_M_allocate|"
    "__builtin_(vec_)?delete|__builtin_(vec_)?new|__gnu_cxx::new_allocator::allocate|"
    "__libc_malloc|__malloc_alloc_template::allocate|allocate|cpp_alloc|operator new(\\[\\])?|"
    "simple_alloc::allocate";

static const char jemallocs[] =
    "|je_.*|_rjem_.*|prof_backtrace.*|prof_tctx_create.*|(m|r|x|d|sd)allocx|aligned_alloc|"
    "newImpl.*|handleOOM.*|fallback_impl.*|imalloc.*|arena_.*|tcache_.*";

static const char kept[] = "runtime\\.panic|runtime\\.reflectcall|runtime\\.call[0-9]*";

int ht_legacy_set_frames(struct ht_profile *p, bool jemalloc)
{
    char both[sizeof(allocators) + sizeof(jemallocs)];
    strcpy(both, allocators);
    if (jemalloc)
        strcat(both, jemallocs);
    p->drop_frames = ht_profile_str(p, both);
    p->keep_frames = ht_profile_str(p, kept);
    return p->drop_frames && p->keep_frames ? 0 : -ENOMEM;
}

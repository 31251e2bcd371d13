/* SPDX-License-Identifier: MIT */
/*
 * The process's state: a few globals, which a fork's child inherits, and the block behind ht_state,
 * which it finds zeroed. The rooms above fill them in.
 */
#include "config.h"

#include "target/state/state.h"

#include <sys/mman.h>

#include "target/os/machine.h"
#include "target/os/sys.h"

__thread struct ht_tls ht_tls __attribute__((tls_model("initial-exec")));

struct ht_state *ht_state;
_Atomic uint64_t ht_rate;
_Atomic uint32_t ht_region_generation;

void ht_prefault_tables(void)
{
    struct ht_state *s = ht_state;
    if (ht_sandboxed || atomic_exchange_explicit(&s->prefaulted, 1, memory_order_relaxed))
        return;
    uint64_t from = HT_PAGE_DOWN((uint64_t)s->frame_cache), to = (uint64_t)s->stack_cache;
    SYS3(SYS_madvise, from, HT_PAGE_UP(to - from), MADV_POPULATE_WRITE);
    from = HT_PAGE_DOWN((uint64_t)s->walk_caches);
    to = (uint64_t)&s->walk_caches[HT_WALK_CACHES_FEW];
    SYS3(SYS_madvise, from, HT_PAGE_UP(to - from), MADV_POPULATE_WRITE);
}

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
bool ht_mappings_on;
_Atomic uint32_t ht_region_generation;

static void populate(const volatile void *first, const volatile void *end)
{
    uint64_t from = HT_PAGE_DOWN((uint64_t)first), to = HT_PAGE_UP((uint64_t)end);
    SYS3(SYS_madvise, from, to - from, MADV_POPULATE_WRITE);
}

void ht_prefault_tables(void)
{
    struct ht_state *s = ht_state;
    if (ht_sandboxed || atomic_exchange_explicit(&s->prefaulted, 1, memory_order_relaxed))
        return;
    const struct ht_walk_cache *own = &s->walk_caches[ht_tls.thread_slot % HT_WALK_CACHES_FEW];
    populate(s->frame_roots, &s->frame_cache[HT_HINTS_LEAST]);
    populate(s->sites, &s->sites[HT_HINTS_LEAST]);
    populate(own, own + 1);
}

/* One hint more gave way to another. When an eighth of those that are used has, twice as many are:
 * a hint from before is still found if its index is the same. */
static void evicted(struct ht_hints_use *use)
{
    const uint32_t all = (1u << HT_CACHE_BITS) - 1;
    uint32_t had = atomic_load_explicit(&use->mask, memory_order_relaxed);
    if (had == all || atomic_fetch_add_explicit(&use->evicted, 1, memory_order_relaxed) < had / 8)
        return;
    atomic_compare_exchange_strong_explicit(&use->mask, &had, had * 2 + 1, memory_order_relaxed,
                                            memory_order_relaxed);
}

void ht_hint_set(struct ht_hints_use *use, _Atomic ht_ref *hint, ht_ref ref)
{
    ht_ref was = atomic_load_explicit(hint, memory_order_relaxed);
    atomic_store_explicit(hint, ref, memory_order_release);
    if (was && was != ref)
        evicted(use);
}

/* SPDX-License-Identifier: MIT */
/*
 * The totals of a site: allocated and freed. A sample stands for more objects than itself, so its
 * weight is added, in 64.64 fixed point; in exact mode the object itself is added, without a locked
 * instruction (counters.h). When the total in use reaches a new maximum, a new epoch begins: a site
 * that has not changed since then still holds what it held at the peak, and its first change stores
 * that value.
 */
#include "config.h"

#include "target/sampler/account.h"

#include "target/sampler/weight_cache.h"

/* The totals that --peak and --growth need; kept only with one of them. */
static void track_inuse(struct ht_site *site, uint64_t bytes, enum ht_event event)
{
    struct ht_region_header *h = ht_state->header;
    uint32_t epoch = atomic_load_explicit(&h->peak_epoch, memory_order_acquire);
    /* The first change after a peak keeps what the site held at the peak. */
    struct ht_peak *peak = site->peak ? ht_at(site->peak) : NULL;
    if (peak && atomic_load_explicit(&peak->epoch, memory_order_relaxed) != epoch) {
        struct ht_values v;
        struct ht_view own;
        ht_own_view(&own);
        ht_site_values(&own, site, &v);
        atomic_store_explicit(&peak->objects, (uint64_t)v.inuse_objects, memory_order_relaxed);
        atomic_store_explicit(&peak->bytes, (uint64_t)v.inuse_bytes, memory_order_relaxed);
        atomic_store_explicit(&peak->epoch, epoch, memory_order_release);
    }
    if (event == HT_FREED) {
        atomic_fetch_sub_explicit(&h->inuse_bytes, bytes, memory_order_relaxed);
        return;
    }
    atomic_fetch_add_explicit(&h->inuse_bytes, bytes, memory_order_relaxed);
}

void ht_note_peak(void)
{
    struct ht_region_header *h = ht_state->header;
    uint64_t now = atomic_load_explicit(&h->inuse_bytes, memory_order_relaxed);
    uint64_t peak = atomic_load_explicit(&h->peak_bytes, memory_order_relaxed);
    if (now > peak + peak / 512 &&
        atomic_compare_exchange_strong_explicit(&h->peak_bytes, &peak, now, memory_order_relaxed,
                                                memory_order_relaxed))
        atomic_fetch_add_explicit(&h->peak_epoch, 1, memory_order_release);
}

/* To the totals of a site: objects, then bytes, of what was allocated first. */
static inline __attribute__((always_inline)) void
add_to_site(struct ht_site *site, const struct ht_object_weights *w, enum ht_event event)
{
    _Atomic uint64_t *whole = &site->own.alloc_objects + (event == HT_ALLOCATED ? 0 : 2);
    _Atomic uint64_t *fraction = &site->fractions[event == HT_ALLOCATED ? 0 : 2];
    if (HT_LIKELY(site->rate != 1)) { /* in exact mode there are none, and others' counts there */
        ht_count(&fraction[1], w->bytes.fraction);
        ht_count(&fraction[0], w->objects.fraction);
    }
    ht_count(&whole[1], w->bytes.whole);
    ht_count(&whole[0], w->objects.whole);
    /* Last: with as many freed as allocated the site may be folded, and is somebody else's. */
    atomic_fetch_add_explicit(event == HT_ALLOCATED ? &site->alloc_count : &site->freed_count, 1,
                              memory_order_release);
}

/* With weights that are not in the cache, without a cell of the thread's own, with a peak. */
static __attribute__((noinline)) void account_any(struct ht_site *site, uint64_t size,
                                                  enum ht_event event)
{
    const struct ht_object_weights w = ht_weight_cache_get(size, site->rate);
    if (ht_state->peak_or_growth)
        track_inuse(site, w.bytes.whole, event);
    ht_total_weighted(&w.objects, &w.bytes, event);
    add_to_site(site, &w, event);
}

/* All that may call something is left to account_any, so that no register is saved. */
static inline __attribute__((always_inline)) void account(struct ht_site *site, uint64_t size,
                                                          enum ht_event event)
{
    struct ht_total_cell *cell = ht_own_total_cell(ht_tls.thread_slot);
    struct ht_object_weights w;
    if (HT_UNLIKELY(ht_state->peak_or_growth || !cell ||
                    !ht_weight_cache_find(size, site->rate, &w))) {
        account_any(site, size, event);
        return;
    }
    ht_total_add(&cell->own, &w.objects, &w.bytes, event, ht_add_alone);
    add_to_site(site, &w, event);
}

void ht_account_allocated(struct ht_site *site, uint64_t size)
{
    account(site, size, true);
}

void ht_account_freed(struct ht_site *site, uint64_t size)
{
    account(site, size, false);
}

void ht_sample_account_inherited(ht_ref site, uint64_t size)
{
    ht_account(ht_at(site), size, HT_ALLOCATED);
}

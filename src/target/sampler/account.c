/* SPDX-License-Identifier: MIT */
/*
 * The accounts of a site: what was allocated there and freed. A sample stands for more objects than
 * itself, so its weight is added, in 64.64 fixed point; in exact mode the object itself, without a
 * locked instruction (writer.h). The highest total opens an epoch: a site that has not changed in
 * it yet holds what it held at the peak, and the first change puts that aside.
 */
#include "config.h"

#include "target/sampler/account.h"

#include "target/sampler/weight_cache.h"

/* Values that peak and growth need; only kept when one of them is asked for. */
static void track_inuse(struct ht_site *site, const struct ht_split *bytes, bool alloc)
{
    struct ht_region_header *h = ht_state->header;
    uint32_t epoch = atomic_load_explicit(&h->peak_epoch, memory_order_acquire);
    /* The first change after a peak keeps what the site held at the peak. */
    if (atomic_load_explicit(&site->peak_epoch, memory_order_relaxed) != epoch) {
        struct ht_values v;
        struct ht_view own;
        ht_own_view(&own);
        ht_site_values(&own, site, &v);
        atomic_store_explicit(&site->peak_objects, (uint64_t)v.inuse_objects, memory_order_relaxed);
        atomic_store_explicit(&site->peak_bytes, (uint64_t)v.inuse_bytes, memory_order_relaxed);
        atomic_store_explicit(&site->peak_epoch, epoch, memory_order_release);
    }
    if (!alloc) {
        atomic_fetch_sub_explicit(&h->inuse_bytes, bytes->whole, memory_order_relaxed);
        return;
    }
    atomic_fetch_add_explicit(&h->inuse_bytes, bytes->whole, memory_order_relaxed);
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

static void add_sampled(struct ht_totals *t, const struct ht_split *objects,
                        const struct ht_split *bytes)
{
    ht_count(&t->bytes.whole, bytes->whole);
    if (bytes->fraction)
        ht_count(&t->bytes.fraction, bytes->fraction);
    ht_count(&t->objects.whole, objects->whole);
    if (objects->fraction)
        ht_count(&t->objects.fraction, objects->fraction);
    ht_count(&t->count, 1);
}

void ht_account_weighted(struct ht_site *site, uint64_t size, bool alloc)
{
    struct ht_split objects = {site->weight[0], site->weight[1]};
    struct ht_split bytes = {site->weight[2], site->weight[3]};
    if (HT_UNLIKELY(!objects.whole)) /* a class of sizes */
        ht_weight_cache_get(size, site->rate, &objects, &bytes);
    if (HT_UNLIKELY(ht_state->peak_or_growth))
        track_inuse(site, &bytes, alloc);
    add_sampled(alloc ? &site->alloc : &site->freed, &objects, &bytes);
}

void ht_sample_account_inherited(ht_ref site, uint64_t size)
{
    ht_account(ht_at(site), size, true);
}

/* SPDX-License-Identifier: MIT */
/*
 * Stacks are found in a hash table in 256 shards, each of which doubles by itself, so that a
 * look-up takes as long among millions as among a thousand. It takes no lock; who finds nothing
 * looks again under the shard's lock, and inserts. A stack's sites are a list whose head is set by
 * CAS.
 */
#include "config.h"

#include "target/tables/stacks.h"

#include <string.h>

#include "region/size_class.h"
#include "region/yield_point.h"
#include "target/state/lock.h"
#include "target/state/state.h"
#include "target/state/thread_slot.h"
#include "target/tables/bucket_arrays.h"
#include "target/tables/records.h"

#define FIRST_BUCKETS 16u
/* A look-up without a lock may be led astray by one that doubles the shard; it ends all the same.
 */
#define MOST_STEPS 64u

struct wanted {
    uint64_t hash;
    const ht_ref *frames;
    uint32_t n, flags;
};

static struct ht_stack_shard *shard_of(uint64_t hash)
{
    return &ht_state->stack_shards[hash % HT_STACK_SHARDS];
}

static _Atomic ht_ref *bucket_of(_Atomic ht_ref *table, uint64_t hash)
{
    uint32_t n = atomic_load_explicit(&table[0], memory_order_relaxed);
    return &table[1 + ((uint32_t)(hash / HT_STACK_SHARDS) & (n - 1))];
}

static ht_ref look_up(_Atomic ht_ref *table, const struct wanted *w, uint32_t steps)
{
    if (!table)
        return 0;
    ht_ref at = atomic_load_explicit(bucket_of(table, w->hash), memory_order_acquire);
    while (at && steps--) {
        struct ht_stack *s = ht_at(at);
        if (s->hash == w->hash && s->n_frames == w->n && s->flags == w->flags &&
            !memcmp(ht_at(s->frames), w->frames, w->n * sizeof(ht_ref)))
            return at;
        HT_YIELD_POINT(STACK);
        at = atomic_load_explicit(&s->next, memory_order_acquire);
    }
    return 0;
}

/* Doubles a shard's buckets; chains grow longer where memory is out. Its lock is held. */
static _Atomic ht_ref *widen(struct ht_stack_shard *shard)
{
    _Atomic ht_ref *old = atomic_load_explicit(&shard->table, memory_order_relaxed);
    uint32_t had = old ? atomic_load_explicit(&old[0], memory_order_relaxed) : 0;
    uint32_t n = had > 1 ? had * 2 : FIRST_BUCKETS;
    /* The old ones are not given back: somebody may be looking there. */
    _Atomic ht_ref *fresh = (_Atomic ht_ref *)ht_bucket_array_new(n + 1);
    if (!fresh) {
        if (old)
            return old;
        fresh = shard->only;
        n = 1;
    }
    atomic_store_explicit(&fresh[0], n, memory_order_relaxed);
    for (uint32_t b = 0; b < had; b++) {
        ht_ref at = atomic_load_explicit(&old[1 + b], memory_order_relaxed), next;
        for (; at; at = next) {
            struct ht_stack *s = ht_at(at);
            _Atomic ht_ref *to = bucket_of(fresh, s->hash);
            next = atomic_load_explicit(&s->next, memory_order_relaxed);
            atomic_store_explicit(&s->next, atomic_load_explicit(to, memory_order_relaxed),
                                  memory_order_release);
            HT_YIELD_POINT(STACK);
            atomic_store_explicit(to, at, memory_order_release);
        }
    }
    atomic_store_explicit(&shard->table, fresh, memory_order_release);
    return fresh;
}

static ht_ref stack_new(const struct wanted *w)
{
    ht_ref mine = ht_stack_record(w->n);
    struct ht_stack *s = ht_at(mine);
    /* Its list has room for all stacks that its record may be used for (fold.c). One without frames
     * has some too: nothing at the end of a chunk lies in it. */
    uint32_t room = w->n ? (w->n + 3) / 4 * 16 : 8;
    ht_ref list = !mine ? 0 : s->frames ? s->frames : ht_data_new(room);
    if (!list)
        return 0;
    memcpy(ht_at(list), w->frames, w->n * sizeof(ht_ref));
    atomic_store_explicit(&s->last_used,
                          atomic_load_explicit(&ht_fold_passes, memory_order_relaxed),
                          memory_order_relaxed);
    s->hash = w->hash;
    HT_YIELD_POINT(STACK);
    s->frames = list;
    s->n_frames = (uint16_t)w->n;
    s->flags = (uint16_t)w->flags;
    HT_YIELD_POINT(STACK);
    atomic_store_explicit(&s->commit, HT_COMMITTED, memory_order_release);
    return mine;
}

/* Under the shard's lock. */
static ht_ref find_or_insert(struct ht_stack_shard *shard, const struct wanted *w)
{
    _Atomic ht_ref *table = atomic_load_explicit(&shard->table, memory_order_relaxed);
    ht_ref at = look_up(table, w, UINT32_MAX);
    if (at || !(at = stack_new(w)))
        return at;
    uint32_t n = atomic_load_explicit(&shard->count, memory_order_relaxed);
    if (!table || n >= atomic_load_explicit(&table[0], memory_order_relaxed))
        table = widen(shard);
    _Atomic ht_ref *to = bucket_of(table, w->hash);
    struct ht_stack *s = ht_at(at);
    atomic_store_explicit(&s->next, atomic_load_explicit(to, memory_order_relaxed),
                          memory_order_relaxed);
    HT_YIELD_POINT(STACK);
    atomic_store_explicit(to, at, memory_order_release);
    atomic_store_explicit(&shard->count, n + 1, memory_order_relaxed);
    return at;
}

ht_ref ht_stack_intern(const ht_ref *frames, uint32_t n, uint32_t flags, uint64_t hash)
{
    if (!hash) {
        uint64_t sum = HT_STACK_SUM_NONE;
        for (uint32_t i = n; i--;)
            sum = ht_stack_sum(sum, frames[i]);
        hash = ht_stack_hash(sum, n, flags);
    }
    const struct wanted w = {hash, frames, n, flags};
    struct ht_stack_shard *shard = shard_of(hash);
    ht_ref at = look_up(atomic_load_explicit(&shard->table, memory_order_acquire), &w, MOST_STEPS);
    if (HT_LIKELY(at) || !ht_lock(&shard->lock, HT_RANK_STACK))
        return at;
    at = find_or_insert(shard, &w);
    ht_unlock(&shard->lock, HT_RANK_STACK);
    return at;
}

bool ht_stack_detach(ht_ref ref)
{
    struct ht_stack *s = ht_at(ref);
    struct ht_stack_shard *shard = shard_of(s->hash);
    if (!ht_try_lock(&shard->lock, HT_RANK_STACK))
        return false;
    _Atomic ht_ref *table = atomic_load_explicit(&shard->table, memory_order_relaxed), *link = NULL;
    ht_ref at = 0;
    uint32_t steps = MOST_STEPS;
    if (table)
        for (link = bucket_of(table, s->hash);
             (at = atomic_load_explicit(link, memory_order_relaxed)) && at != ref && steps--;)
            link = &((struct ht_stack *)ht_at(at))->next;
    if (at == ref) {
        atomic_store_explicit(&s->commit, HT_DETACHED, memory_order_release);
        HT_YIELD_POINT(STACK);
        atomic_store_explicit(link, atomic_load_explicit(&s->next, memory_order_relaxed),
                              memory_order_release);
        atomic_fetch_sub_explicit(&shard->count, 1, memory_order_relaxed);
    }
    ht_unlock(&shard->lock, HT_RANK_STACK);
    return at == ref;
}

static ht_ref site_new(ht_ref stack, uint64_t size, uint64_t rate, uint32_t labels, bool single)
{
    ht_ref mine;
    if (!(mine = ht_site_record()))
        return 0;
    struct ht_site *s = ht_at(mine);
    atomic_store_explicit(&s->stack, stack, memory_order_relaxed);
    s->stack_hash = ((struct ht_stack *)ht_at(stack))->hash;
    HT_YIELD_POINT(SITE);
    s->rate = rate;
    s->labels = (uint16_t)labels;
    if (rate == HT_RATE_MAPPING) {
        s->flags = HT_SITE_MAPPING;
        s->size_bits = 63;
        return mine;
    }
    /* a record that was used before still has one */
    if (ht_config.peak && !s->peak && !(s->peak = ht_data_new(sizeof(struct ht_peak))))
        return 0;
    if (single)
        s->size_low = size;
    else
        ht_size_class(size, rate, &s->size_low, &s->size_bits);
    if (rate == 1) {
        s->owner_slot = ht_thread_slot();
        atomic_store_explicit(&s->shards, 0, memory_order_relaxed);
    } else {
        ht_site_made(s);
    }
    return mine;
}

static ht_ref find_site(ht_ref stack_ref, uint64_t size, uint64_t rate, uint32_t labels)
{
    struct ht_stack *stack = ht_at(stack_ref);
    ht_ref head = atomic_load_explicit(&stack->sites, memory_order_acquire), mine = 0, seen_to = 0;
    const uint64_t limit = ht_small_sizes(rate);
    const bool small = size < limit;
    uint32_t n = 0; /* of its kind that have one size */
    ht_ref wide = 0;
    for (;;) {
        for (ht_ref at = head; at && at != seen_to;) {
            struct ht_site *s = ht_at(at);
            /* one that is not committed is about to be folded */
            if (s->labels == labels &&
                atomic_load_explicit(&s->commit, memory_order_acquire) == HT_COMMITTED) {
                if (s->rate == rate && ht_site_holds(s, size)) {
                    if (!s->size_bits)
                        return at;
                    wide = at;
                }
                n += !s->size_bits && (s->size_low < limit) == small;
            }
            at = atomic_load_explicit(&s->next, memory_order_acquire);
        }
        /* An exact site made before the classes began still takes its own size. */
        if (wide)
            return wide;
        if (!mine && !(mine = site_new(stack_ref, size, rate, labels, n < ht_single_sizes(small))))
            return 0;
        struct ht_site *s = ht_at(mine);
        atomic_store_explicit(&s->next, head, memory_order_relaxed);
        seen_to = head;
        HT_YIELD_POINT(SITE);
        atomic_store_explicit(&s->commit, HT_COMMITTED, memory_order_release);
        HT_YIELD_POINT(SITE);
        if (atomic_compare_exchange_strong_explicit(&stack->sites, &head, mine,
                                                    memory_order_acq_rel, memory_order_acquire))
            return mine;
    }
}

ht_ref ht_site_find(ht_ref stack_ref, uint64_t size, uint64_t rate, uint32_t labels)
{
    ht_ref found = find_site(stack_ref, size, rate, labels);
    const uint64_t hash = ((struct ht_stack *)ht_at(stack_ref))->hash;
    if (found)
        ht_hint_set(&ht_state->sites_use, ht_site_hint(hash, size, labels), found);
    return found;
}

ht_ref ht_site_intern(ht_ref stack, uint64_t size, uint64_t rate, uint32_t labels)
{
    ht_ref known = ht_site_known(((struct ht_stack *)ht_at(stack))->hash, size, rate, labels);
    return known ? known : ht_site_find(stack, size, rate, labels);
}

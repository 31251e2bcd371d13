/* SPDX-License-Identifier: MIT */
/*
 * A hash table in 256 shards, each with a lock that is tried for a bounded time. A block's node
 * is in the shard of its address. A free that does not get the lock leaves its address in a short
 * list, and whoever comes next takes the block out for it.
 */
#include "config.h"

#include "target/tables/live.h"

#include <errno.h>
#include <string.h>

#include "region/yield_point.h"
#include "target/state/lock.h"
#include "target/state/state.h"
#include "target/tables/bucket_arrays.h"
#include "target/tables/nodes.h"
#include "target/tables/writer.h"
#include "util/hash.h"

#define SHARDS        256u
#define FIRST_BUCKETS 16u
/* Nodes that may lie unused beside a quarter of those used: 256 KiB with their records. */
#define SLACK 4096u

/* `lock` guards the rest and the nodes whose address hashes here. */
struct shard {
    _Atomic uint32_t lock;
    _Atomic uint32_t count; /* of nodes; looked at without lock */
    uint32_t buckets;       /* a power of two, 0 before the first insert */
    uint32_t *heads;        /* node index + 1 */
    _Atomic uint32_t
        free;      /* nodes given up here, by index + 1, through next; looked at without lock */
    uint32_t only; /* the array of one head that there is while memory is out */
    uint32_t reserved[24];
};
/* Locks of neighbours share no line, nor does one come with the other (as processors fetch them).
 */
_Static_assert(sizeof(struct shard) == 128, "shard");

static _Alignas(128) struct shard shards[SHARDS];
static _Atomic uint32_t reserved_ahead; /* blocks are placed; relaxed, never reset */

/* Of the search for a node; apart from what all threads read. Relaxed. */
static struct {
    _Alignas(64) _Atomic uint32_t enough; /* up to so many it is not asked what lives */
    _Atomic uint32_t asked;               /* how many there were the last time */
    _Atomic uint32_t turn;
} search = {.enough = SLACK};
static _Alignas(64) char after_search[1] __attribute__((used));

#define PENDING 64u
static _Atomic uint64_t pending[PENDING]; /* addresses; CAS from and to 0 */
_Atomic uint32_t ht_live_n_pending;

static inline uint64_t hash_of(const void *p)
{
    return ht_mix((uint64_t)p >> 4);
}

static inline uint32_t count_of(struct shard *s)
{
    return atomic_load_explicit(&s->count, memory_order_relaxed);
}

/* Lock held. */
static inline void set_count(struct shard *s, uint32_t count)
{
    atomic_store_explicit(&s->count, count, memory_order_relaxed);
}

/* A shard's free nodes; lock held. */
static inline void give_node(struct shard *s, uint32_t node)
{
    ht_node_link(ht_live_node_at(node - 1), atomic_load_explicit(&s->free, memory_order_relaxed));
    atomic_store_explicit(&s->free, node, memory_order_relaxed);
}

static inline uint32_t take_node(struct shard *s)
{
    uint32_t node = atomic_load_explicit(&s->free, memory_order_relaxed);
    if (node)
        atomic_store_explicit(&s->free, ht_live_node_at(node - 1)->next, memory_order_relaxed);
    return node;
}

static void widen(struct shard *s);

void ht_live_prepare(void)
{
    ht_nodes_prepare();
    for (uint32_t i = 0; i < SHARDS; i++) /* chains grow longer rather than the heads wider */
        if (!shards[i].buckets && ht_lock(&shards[i].lock, HT_RANK_SHARD)) {
            widen(&shards[i]);
            ht_unlock(&shards[i].lock, HT_RANK_SHARD);
        }
}

/*
 * Up to this count a thread creates new nodes rather than reusing nodes freed by others: nodes of
 * one batch, and their region records, share cache lines, and those should stay with one thread.
 */
static bool may_make(uint32_t turn)
{
    uint32_t n = ht_nodes_made();
    if (atomic_load_explicit(&reserved_ahead, memory_order_relaxed))
        return false;
    if (n < atomic_load_explicit(&search.enough, memory_order_relaxed))
        return true;
    if (n == atomic_load_explicit(&search.asked, memory_order_relaxed) && turn % 64)
        return false;
    atomic_store_explicit(&search.asked, n, memory_order_relaxed);
    uint32_t live = SLACK;
    for (uint32_t i = 0; i < SHARDS; i++) {
        uint32_t count = count_of(&shards[i]);
        live += count + count / 4;
    }
    atomic_store_explicit(&search.enough, live, memory_order_relaxed);
    return n < live;
}

uint32_t ht_live_reserve(void)
{
    uint32_t mine = ht_tls.thread_slot % HT_NODE_LISTS, node = ht_nodes_pop(mine);
    if (node)
        return node;
    uint32_t turn = atomic_fetch_add_explicit(&search.turn, 1, memory_order_relaxed);
    if (may_make(turn) && (node = ht_nodes_make(mine)))
        return node;
    /* What was freed went to the shards, by address; a few are asked, in turn. */
    for (uint32_t i = 0; i < 16; i++) {
        struct shard *s = &shards[(turn + i) % SHARDS];
        if (!atomic_load_explicit(&s->free, memory_order_relaxed) ||
            !ht_try_lock(&s->lock, HT_RANK_SHARD))
            continue;
        node = take_node(s);
        ht_unlock(&s->lock, HT_RANK_SHARD);
        if (node)
            return node;
    }
    /* Other threads' lists too: what one thread allocates another may free. */
    for (uint32_t i = 1; i < HT_NODE_LISTS; i++)
        if ((node = ht_nodes_pop((mine + i) % HT_NODE_LISTS)))
            return node;
    return ht_nodes_make(mine);
}

void ht_live_unreserve(uint32_t node)
{
    ht_nodes_push(ht_tls.thread_slot % HT_NODE_LISTS, node);
}

/* Doubles a shard's buckets; chains just grow longer when memory is out. There is one bucket after
 * it in any case: an insert never fails for lack of memory. Lock held. */
static void widen(struct shard *s)
{
    uint32_t n = s->buckets >= FIRST_BUCKETS ? s->buckets * 2 : FIRST_BUCKETS;
    uint32_t *heads = ht_bucket_array_new(n);
    if (!heads) {
        if (!s->buckets) {
            s->heads = &s->only;
            s->buckets = 1;
        }
        return;
    }
    for (uint32_t b = 0; b < s->buckets; b++) {
        for (uint32_t i = s->heads[b], next; i; i = next) {
            struct ht_live_node *node = ht_live_node_at(i - 1);
            next = node->next;
            uint64_t a = atomic_load_explicit(&node->addr, memory_order_relaxed);
            uint32_t *to = &heads[(uint32_t)hash_of((void *)a) & (n - 1)];
            ht_node_link(node, *to);
            *to = i;
        }
    }
    ht_bucket_array_release(s->heads, s->buckets);
    s->heads = heads;
    s->buckets = n;
}

/* By 64 KiB of address: allocators give threads memory of their own, so that a thread mostly meets
 * the shards, and cache lines, that it used last. */
static inline struct shard *shard_of(const void *p)
{
    return &shards[(((uint64_t)p >> 16) * HT_GOLDEN_RATIO) >> 56];
}
_Static_assert(SHARDS == 256, "shard_of takes eight bits");

/* The link that leads to p's node, or NULL. Lock held. */
static inline uint32_t *link_to(struct shard *s, uint64_t h, const void *p)
{
    if (!s->buckets)
        return NULL;
    uint32_t *link = &s->heads[(uint32_t)h & (s->buckets - 1)];
    for (; *link; link = &ht_live_node_at(*link - 1)->next)
        if (atomic_load_explicit(&ht_live_node_at(*link - 1)->addr, memory_order_relaxed) ==
            (uint64_t)p)
            return link;
    return NULL;
}

static inline uint32_t unlink_node(struct shard *s, uint64_t h, const void *p)
{
    uint32_t *link = link_to(s, h, p);
    if (!link)
        return 0;
    uint32_t i = *link;
    /* May be a node's: ht_node_link. */
    __atomic_store_n(link, ht_live_node_at(i - 1)->next, __ATOMIC_RELAXED);
    set_count(s, count_of(s) - 1);
    return i;
}

static inline void publish(struct ht_live_node *n)
{
    ht_ref ref = atomic_load_explicit(&n->region_record, memory_order_relaxed);
    if (HT_LIKELY(ref) || (ref = ht_nodes_region_record(n)))
        ht_region_record_publish(ref, atomic_load_explicit(&n->addr, memory_order_relaxed), n->size,
                                 n->site, n->time & ~HT_NODE_RECYCLABLE);
}

void ht_live_publish(struct ht_live_node *n)
{
    publish(n);
}

static inline void clear_node(struct ht_live_node *n, struct ht_record *out)
{
    *out = (struct ht_record){.size = n->size,
                              .site = n->site,
                              .time = n->time,
                              .generation =
                                  atomic_load_explicit(&ht_region_generation, memory_order_relaxed),
                              .found = true};
    if (!ht_region_is_parents())
        ht_region_record_clear(atomic_load_explicit(&n->region_record, memory_order_relaxed));
    HT_YIELD_POINT(LIVE);
    atomic_store_explicit(&n->addr, 0, memory_order_release);
}

/* Removes p from the remembered frees, if it is at i. The shard's lock is held: otherwise a free
 * that is being drained could remove a newer block at p. */
static bool no_longer_pending(uint32_t i, uint64_t p)
{
    if (!atomic_compare_exchange_strong_explicit(&pending[i], &p, 0, memory_order_acq_rel,
                                                 memory_order_relaxed))
        return false;
    HT_YIELD_POINT(PENDING);
    atomic_fetch_sub_explicit(&ht_live_n_pending, 1, memory_order_release);
    return true;
}

static void forget_pending(const void *p)
{
    if (HT_LIKELY(!atomic_load_explicit(&ht_live_n_pending, memory_order_acquire)))
        return;
    for (uint32_t i = 0; i < PENDING && !no_longer_pending(i, (uint64_t)p); i++)
        ;
}

uint32_t ht_live_insert(uint32_t node, const void *p, uint64_t size, ht_ref site, uint32_t time,
                        struct ht_record *stale)
{
    uint64_t h = hash_of(p);
    struct shard *s = shard_of(p);
    stale->found = false;
    if (node && !atomic_load_explicit(&reserved_ahead, memory_order_relaxed))
        atomic_store_explicit(&reserved_ahead, 1, memory_order_relaxed);
    if (!ht_lock(&s->lock, HT_RANK_SHARD)) {
        if (node)
            ht_live_unreserve(node);
        return 0;
    }
    if (!node)
        node = take_node(s);
    if (!node) {
        ht_unlock(&s->lock, HT_RANK_SHARD); /* the search for one takes shards' locks */
        node = ht_live_reserve();
        if (!node)
            return 0;
        if (!ht_lock(&s->lock, HT_RANK_SHARD)) {
            ht_live_unreserve(node);
            return 0;
        }
    }
    struct ht_live_node *n = ht_live_node_at(node - 1);
    const bool all = atomic_load_explicit(&ht_live_unfiltered, memory_order_relaxed);
    uint32_t old = all || ht_live_maybe(p) ? unlink_node(s, h, p) : 0;
    forget_pending(
        p); /* a remembered free was of an earlier block at p: it must not remove this one */
    if (old) {
        clear_node(ht_live_node_at(old - 1), stale);
    } else if (!all) {
        ht_live_filter_count(p, 1);
    }
    if (count_of(s) >= s->buckets)
        widen(s);
    n->size = size;
    n->site = site;
    n->time = time;
    uint32_t *head = &s->heads[(uint32_t)h & (s->buckets - 1)];
    ht_node_link(n, *head);
    HT_YIELD_POINT(LIVE);
    atomic_store_explicit(&n->addr, (uint64_t)p, memory_order_release);
    HT_YIELD_POINT(LIVE);
    *head = node;
    set_count(s, count_of(s) + 1);
    if (site && !ht_region_is_parents())
        publish(n);
    ht_unlock(&s->lock, HT_RANK_SHARD);
    if (old)
        ht_live_unreserve(old);
    return node;
}

void ht_live_remember(const void *p)
{
    /* Counted first: whoever reads 0 must not have missed one. */
    atomic_fetch_add_explicit(&ht_live_n_pending, 1, memory_order_acq_rel);
    for (uint32_t i = 0; i < PENDING; i++) {
        uint64_t none = 0;
        if (atomic_compare_exchange_strong_explicit(&pending[i], &none, (uint64_t)p,
                                                    memory_order_acq_rel, memory_order_relaxed))
            return;
        HT_YIELD_POINT(PENDING);
    }
    atomic_fetch_sub_explicit(&ht_live_n_pending, 1, memory_order_release);
    ht_lose(HT_LOSS_FREE);
}

/* Lock held. */
static inline int take_from(struct shard *s, const void *p, struct ht_record *out)
{
    uint32_t i = unlink_node(s, hash_of(p), p);
    HT_YIELD_POINT(LIVE);
    if (!i)
        return -ENOENT;
    clear_node(ht_live_node_at(i - 1), out);
    ht_live_filter_add(p, -1);
    HT_YIELD_POINT(LIVE);
    /* To where it is looked for: a node reserved before its block has an address is sought in the
     * free lists, and of the shards in a few; left in its shard it would hardly be found again. */
    if (atomic_load_explicit(&reserved_ahead, memory_order_relaxed))
        ht_live_unreserve(i);
    else
        give_node(s, i);
    return 0;
}

int ht_live_take(const void *p, struct ht_record *out)
{
    struct shard *s = shard_of(p);
    out->found = false;
    if (!ht_lock(&s->lock, HT_RANK_SHARD)) {
        ht_live_remember(p);
        return -EBUSY;
    }
    int r = take_from(s, p, out);
    ht_unlock(&s->lock, HT_RANK_SHARD);
    return r;
}

/* The first of a bucket that is picked, taken out. Lock held. */
static void *take_one(struct shard *s, uint32_t bucket, bool (*which)(const void *, void *),
                      void *ctx, struct ht_record *out)
{
    for (uint32_t i = s->heads[bucket]; i; i = ht_live_node_at(i - 1)->next) {
        void *p = (void *)atomic_load_explicit(&ht_live_node_at(i - 1)->addr, memory_order_relaxed);
        if (which(p, ctx))
            return take_from(s, p, out) ? NULL : p;
    }
    return NULL;
}

void ht_live_take_those(bool (*which)(const void *, void *), void *ctx,
                        void (*done)(void *, const struct ht_record *))
{
    for (struct shard *s = shards; s < shards + SHARDS; s++)
        for (uint32_t bucket = 0; count_of(s);) {
            struct ht_record record;
            if (!ht_lock(&s->lock, HT_RANK_SHARD))
                break;
            void *p = NULL;
            while (bucket < s->buckets && !(p = take_one(s, bucket, which, ctx, &record)))
                bucket++;
            ht_unlock(&s->lock, HT_RANK_SHARD);
            if (!p)
                break;
            done(p, &record);
        }
}

bool ht_live_size(const void *p, uint64_t *size)
{
    struct shard *s = shard_of(p);
    if (!ht_lock(&s->lock, HT_RANK_SHARD))
        return false;
    uint32_t *link = link_to(s, hash_of(p), p);
    if (link)
        *size = ht_live_node_at(*link - 1)->size;
    ht_unlock(&s->lock, HT_RANK_SHARD);
    return link;
}

void ht_live_drain(void (*done)(void *p, const struct ht_record *record))
{
    for (uint32_t i = 0; i < PENDING; i++) {
        uint64_t a = atomic_load_explicit(&pending[i], memory_order_acquire);
        if (!a)
            continue;
        HT_YIELD_POINT(PENDING);
        struct shard *s = shard_of((void *)a);
        if (!ht_try_lock(&s->lock, HT_RANK_SHARD))
            continue; /* the next hook will */
        struct ht_record record;
        bool taken = no_longer_pending(i, a) && !take_from(s, (void *)a, &record);
        ht_unlock(&s->lock, HT_RANK_SHARD);
        if (taken)
            done((void *)a, &record);
    }
}

void ht_live_adopt(void)
{
    uint32_t n = ht_nodes_adopt();
    for (uint32_t i = 0; i < SHARDS; i++) {
        atomic_store(&shards[i].lock, 0);
        set_count(&shards[i], 0);
        atomic_store(&shards[i].free, 0);
        if (shards[i].buckets)
            memset(shards[i].heads, 0, shards[i].buckets * sizeof(uint32_t));
    }
    ht_bucket_arrays_forked();
    /* The filter stays: another thread may be asking it, and at worst it says maybe too often. */
    for (uint32_t i = 0; i < n; i++) {
        struct ht_live_node *node = ht_live_node_at(i);
        atomic_store_explicit(&node->region_record, 0, memory_order_relaxed);
        uint64_t a = atomic_load(&node->addr);
        struct shard *s = shard_of((void *)a);
        if (a && count_of(s) >= s->buckets)
            widen(s);
        if (!a) {
            ht_nodes_push(i % HT_NODE_LISTS, i + 1);
            continue;
        }
        uint32_t *head = &s->heads[(uint32_t)hash_of((void *)a) & (s->buckets - 1)];
        ht_node_link(node, *head);
        *head = i + 1;
        set_count(s, count_of(s) + 1);
    }
}

void ht_live_each(void (*fn)(struct ht_live_node *, void *), void *ctx)
{
    uint32_t n = ht_nodes_made();
    for (uint32_t i = 0; i < n; i++) {
        struct ht_live_node *node = ht_live_node_at(i);
        if (atomic_load(&node->addr))
            fn(node, ctx);
    }
}

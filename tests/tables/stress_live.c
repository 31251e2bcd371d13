/* SPDX-License-Identifier: MIT */
/*
 * The live table: objects of all threads, freed by others than made them; its nodes, its filter, its
 * records in the region, and the frees that are remembered.
 */
#include "config.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "stress.h"
#include "target/tables/live.h"

enum { ITEMS = 512, SLOTS = 128, STEPS = 12000, CHECKPOINTS = 12 };

/* What an object is, by its number: item + ITEMS * how often the item was used. */
static struct item {
    void *p;
    uint32_t number;
    bool live; /* between checkpoints its thread's alone */
} items[ITEMS];
static _Atomic(struct item *) slots[SLOTS];
static _Atomic uint32_t drained[ITEMS];
static _Atomic uint32_t highest_node;

static uint64_t size_of(uint32_t number)
{
    return number * 7ull + 1;
}

static bool is(const struct ht_record *r, uint32_t number)
{
    return r->found && r->site == number && r->size == size_of(number) && r->time == ~number;
}

/* Half of them in a few shards; half on a few counters of the filter. */
static void place_items(void)
{
    uint64_t at = 1ull << 40;
    for (unsigned i = 0; i < ITEMS; i++) {
        if (i & 1)
            do
                at += 16;
            while (ht_live_filter_slot((void *)at) > 3);
        items[i].p = i & 1 ? (void *)at : (void *)((2ull << 40) + i * 512);
        items[i].number = i;
    }
}

static void note_drained(void *p, const struct ht_record *r)
{
    CHECK(is(r, r->site), "a record is whole");
    atomic_store(&drained[r->site % ITEMS], r->site);
}

static void insert(struct item *it)
{
    struct ht_record stale;
    uint32_t node = ht_next_random() & 1 ? ht_live_reserve() : 0, highest = highest_node;
    while (node > highest && !atomic_compare_exchange_weak(&highest_node, &highest, node))
        ;
    it->number += ITEMS;
    while (!ht_live_insert(node, it->p, size_of(it->number), it->number, ~it->number, &stale))
        node = 0;
    CHECK(!stale.found, "nothing stale was at the address");
    CHECK(ht_live_maybe(it->p), "an inserted block passes the filter");
    it->live = true;
}

static void take(struct item *it)
{
    struct ht_record r;
    CHECK(ht_live_maybe(it->p), "a live block passes the filter");
    int e = ht_live_take(it->p, &r);
    if (e == -EBUSY) /* its shard's holder was away too long; the free is remembered */
        while (drained[it - items] != it->number)
            ht_live_drain(note_drained);
    else
        CHECK(!e && is(&r, it->number), "the block is found, with its own record");
    it->live = false;
}

/* Every object that lives is once in the region, and nothing else is. */
static void checkpoint(void)
{
    struct ht_view v;
    struct ht_cursor c = {.kind = HT_KIND_LIVE};
    const struct ht_live *l;
    unsigned found[ITEMS] = {0};
    ht_own_view(&v);
    while ((l = ht_view_next(&v, &c))) {
        struct item *it = &items[l->site % ITEMS];
        if (CHECK(it->live && l->addr == (uint64_t)it->p && l->site == it->number &&
                      l->size == size_of(it->number),
                  "a live record is that of a live block"))
            found[it - items]++;
    }
    for (unsigned i = 0; i < ITEMS; i++)
        CHECK(found[i] == items[i].live && (!items[i].live || ht_live_maybe(items[i].p)),
              "a block is in the table exactly while it lives");
}

static void exchange_objects(unsigned thread)
{
    struct item *mine[ITEMS];
    unsigned n = 0;
    for (unsigned i = thread; i < ITEMS; i += THREADS)
        mine[n++] = &items[i];
    for (unsigned step = 0; step < STEPS; step++) {
        if (step % (STEPS / CHECKPOINTS) == 0) {
            ht_together();
            if (thread == 0)
                checkpoint();
            ht_together();
        }
        uint64_t x = ht_next_random();
        struct item *it = NULL;
        if (n && (x & 3)) {
            unsigned k = (unsigned)(x >> 8) % n;
            it = mine[k];
            mine[k] = mine[--n];
            insert(it);
        }
        if ((it = atomic_exchange(&slots[(x >> 32) % SLOTS], it))) {
            take(it);
            mine[n++] = it;
        }
        if ((x >> 60) == 0) { /* an allocation that failed */
            uint32_t node = ht_live_reserve();
            if (CHECK(node, "a node is reserved"))
                ht_live_unreserve(node);
        }
    }
}

static void watch_live(const struct ht_view *v)
{
    struct ht_cursor c = {.kind = HT_KIND_LIVE};
    const struct ht_live *l;
    struct ht_live copy;
    while ((l = ht_view_next(v, &c)))
        if (ht_view_live(l, &copy))
            CHECK(copy.size == size_of(copy.site) &&
                      copy.time == (~copy.site & ~HT_NODE_RECYCLABLE) &&
                      copy.addr == (uint64_t)items[copy.site % ITEMS].p,
                  "a copy of a record is not torn");
}

/* Every node there ever was can be had again, once. */
static void check_nodes(void)
{
    static bool seen[1u << 16];
    uint32_t left = highest_node;
    CHECK(left < 1u << 16, "the nodes can be counted");
    for (unsigned i = 0; left && i < 1u << 20; i++) {
        uint32_t node = ht_live_reserve();
        if (!CHECK(node, "every free node can be reserved") || node > highest_node)
            continue;
        CHECK(!seen[node], "no node is given out twice");
        seen[node] = true;
        left--;
    }
    CHECK(left == 0, "every node is free at the end");
}

void stress_live(void)
{
    place_items();
    ht_crowd(exchange_objects, watch_live);
    checkpoint();
    for (unsigned i = 0; i < SLOTS; i++)
        if (slots[i])
            take(slots[i]);
    for (unsigned i = 0; i < ITEMS; i++)
        CHECK(!items[i].live, "no block is left at the end");
    checkpoint();
    for (unsigned i = 0; i < 1u << HT_FILTER_BITS; i++)
        CHECK(ht_live_filter[i] == 0, "the filter is empty at the end");
    CHECK(!ht_live_pending(), "no remembered free is left");
    check_nodes();
}

/* Nodes alone: had by one at a time, and none is lost. */

enum { MOST = 400 };
static _Atomic unsigned char owners[1u << 16];

static void take_turns(unsigned thread)
{
    uint32_t mine[MOST];
    unsigned n = 0, aim = 0;
    ht_tls.thread_slot = thread & 1; /* two lists for eight */
    for (unsigned step = 0; step < 8 * STEPS; step++) {
        uint64_t x = ht_next_random();
        if (step % 64 == 0)
            aim = x >> 8 & 7 ? 2 + (x >> 16) % 4 : (x >> 16) % MOST;
        if (n < aim) {
            uint32_t node = ht_live_reserve(), highest = highest_node;
            while (node > highest && !atomic_compare_exchange_weak(&highest_node, &highest, node))
                ;
            if (!CHECK(node && node < sizeof owners && atomic_exchange(&owners[node], 1) == 0,
                       "a node is given to one thread only"))
                return;
            mine[n++] = node;
        } else if (n) {
            unsigned k = (unsigned)(x >> 32) % n;
            CHECK(atomic_exchange(&owners[mine[k]], 0) == 1,
                  "a node that goes back was this thread's");
            ht_live_unreserve(mine[k]);
            mine[k] = mine[--n];
        }
    }
    while (n) {
        CHECK(atomic_exchange(&owners[mine[--n]], 0) == 1,
              "each node that goes back was this thread's");
        ht_live_unreserve(mine[n]);
    }
}

void stress_nodes(void)
{
    ht_crowd(take_turns, NULL);
    check_nodes();
}

/* Remembered frees: each is done once, and hits nothing that came to the address after it. */

enum { TURNS = 3000 };
static _Atomic unsigned char gone[ITEMS + THREADS * TURNS * 3 + 1];
static atomic_uint numbers = ITEMS;

static void note_gone(void *p, const struct ht_record *r)
{
    CHECK(r->site < sizeof gone && is(r, r->site) && atomic_fetch_add(&gone[r->site], 1) == 0,
          "a block is reported gone once");
}

static uint32_t insert_at(void *p, struct ht_record *stale)
{
    uint32_t number = atomic_fetch_add(&numbers, 1);
    CHECK(ht_live_insert(0, p, size_of(number), number, ~number, stale), "a block is inserted");
    return number;
}

static void remember_frees(unsigned thread)
{
    for (unsigned turn = 0; turn < TURNS; turn++) {
        struct ht_record stale, r;
        void *p = (void *)((3ull << 40) + thread * 4096 + turn % 16 * 16);
        uint32_t number = 0;
        if (ht_next_random() & 3)
            number = insert_at(p, &stale);
        ht_live_remember(p); /* p is another's from here on */
        if (ht_next_random() & 1)
            ht_live_drain(note_gone);
        uint32_t next = insert_at(p, &stale);
        if (stale.found) {
            CHECK(stale.site == number, "what was stale is the block before");
            note_gone(NULL, &stale);
        }
        /* Whoever drains says so behind the lock. */
        for (unsigned i = 0; number && !gone[number] && i < 1000000; i++)
            sched_yield();
        CHECK(!number || gone[number] == 1, "every block before the last is gone once");
        if (ht_next_random() & 1)
            ht_live_drain(note_gone);
        if (CHECK(!ht_live_take(p, &r) && r.site == next, "the last block is still there"))
            note_gone(NULL, &r);
    }
}

void stress_pending(void)
{
    ht_crowd(remember_frees, NULL);
    CHECK(!ht_live_pending(), "no remembered free is left");
}

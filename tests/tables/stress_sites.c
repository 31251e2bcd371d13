/* SPDX-License-Identifier: MIT */
/* Sites: the list of each stack, classes of sizes, and the counters that threads do not share. */
#include "config.h"

#include <sched.h>

#include "region/size_class.h"
#include "stress.h"
#include "target/tables/counters.h"

enum { STACKS = 600, SIZES = 48, OBJECTS = 1000 };

static ht_ref stacks[STACKS];
static _Atomic ht_ref known[STACKS][SIZES][2]; /* exact, class */

static void make_stacks(void)
{
    for (ht_ref i = 0; i < STACKS; i++) {
        ht_ref frames[2] = {i + 1, 7};
        CHECK(stacks[i] = ht_stack_intern(frames, 2, 0, 0), "a stack is interned");
    }
}

static uint64_t rate_of(ht_ref stack, unsigned which)
{
    return 1000 + stack * 2 + which;
}

/* Two sets, so that sizes of one class are of different ones. */
static uint32_t labels_of(unsigned size)
{
    return size & 2;
}

/* All threads ask for the same stack's sites at once, each in an order of its own. */
static void intern_sites(unsigned thread)
{
    for (unsigned k = 0; k < STACKS; k++) {
        if (k % 8 == 0)
            ht_together();
        for (unsigned i = 0; i < SIZES; i++) {
            unsigned size = (unsigned)(ht_next_random() % SIZES), which = size & 1;
            const uint32_t labels = labels_of(size);
            ht_ref ref = ht_site_intern(stacks[k], size, rate_of(stacks[k], which), labels),
                   first = 0;
            if (!CHECK(ref, "there is room for a site"))
                return;
            const struct ht_site *s = ht_at(ref);
            CHECK(s->stack == stacks[k] && s->rate == rate_of(stacks[k], which),
                  "a site has the stack and the rate it was asked for");
            CHECK(s->labels == labels_of(size), "a site has the labels it was asked for");
            CHECK(ht_site_holds(s, size), "a site's range holds the size");
            /* One size is one site, for ever, and beside it at most one class. */
            if (!atomic_compare_exchange_strong(&known[k][size][s->size_bits > 0], &first, ref))
                CHECK(first == ref, "one stack, size, rate and labels have one site");
        }
    }
}

static void watch_sites(const struct ht_view *v)
{
    struct ht_cursor c = {.kind = HT_KIND_SITE};
    const struct ht_site *s;
    while ((s = ht_view_next(v, &c))) {
        CHECK(ht_view_record(v, s->stack, HT_KIND_STACK), "a site that is seen has a stack record");
        CHECK(s->rate == rate_of(s->stack, 0) || s->rate == rate_of(s->stack, 1),
              "a site that is seen has a rate of its stack");
        CHECK(s->size_low + (1u << s->size_bits) <= 2 * SIZES,
              "a site that is seen has a range of known sizes");
    }
}

void stress_sites(void)
{
    make_stacks();
    ht_crowd(intern_sites, watch_sites);
    for (unsigned k = 0; k < STACKS; k++) {
        unsigned exact = 0, n = 0;
        bool found[SIZES][2] = {{0}};
        const struct ht_stack *stack = ht_at(stacks[k]);
        for (ht_ref at = stack->sites; at && n < 1000; n++) {
            const struct ht_site *s = ht_at(at);
            exact += !s->size_bits;
            for (unsigned size = 0; size < SIZES; size++)
                for (unsigned which = 0; which < 2; which++)
                    found[size][which] |= known[k][size][which] == at;
            /* No two of one range. */
            for (ht_ref other = s->next; other;
                 other = ((const struct ht_site *)ht_at(other))->next) {
                const struct ht_site *o = ht_at(other);
                CHECK(o->rate != s->rate || o->labels != s->labels || o->size_low != s->size_low ||
                          o->size_bits != s->size_bits,
                      "no two sites of a stack are the same");
            }
            at = s->next;
        }
        CHECK(n < 1000 && exact <= 2 * (ht_single_sizes(true) + THREADS) +
                                       2 * (ht_single_sizes(false) + THREADS),
              "a stack's sites stay within their bound");
        for (unsigned size = 0; size < SIZES; size++)
            for (unsigned which = 0; which < 2; which++)
                CHECK(!known[k][size][which] || found[size][which],
                      "a site that was known is on its stack's list");
    }
}

/* As exact mode does. */
static void count_object(struct ht_site *s, uint64_t size, bool alloc)
{
    ht_site_count(s, ht_tls.thread_slot, size, alloc);
}

/* The cell that this thread has, or HT_COUNTER_SHARDS: once it has one, it has that one for ever. */
static unsigned cell_had(const struct ht_site *s)
{
    const struct ht_counter_shard *cells = ht_at(s->shards);
    unsigned found = HT_COUNTER_SHARDS;
    for (unsigned i = 0; s->shards && i < HT_COUNTER_SHARDS; i++)
        if (cells[i].owner_slot == ht_tls.thread_slot) {
            CHECK(found == HT_COUNTER_SHARDS, "a sharded site has all its shards");
            found = i;
        }
    return found;
}

enum { HOT = 24, HELD = 16 };
static ht_ref hot[HOT];
static atomic_ulong allocated[HOT];

static void use_shards(unsigned thread)
{
    /* all eight want one cell, and four get one near it */
    ht_tls.thread_slot = 1 + thread * HT_COUNTER_SHARDS;
    for (unsigned k = 0; k < HOT; k++) {
        struct ht_site *s = ht_at(hot[k]);
        unsigned had = HT_COUNTER_SHARDS;
        ht_together();
        for (unsigned i = 0; i < OBJECTS; i++) {
            unsigned n = 1 + ht_next_random() % HELD;
            for (unsigned j = 0; j < n; j++)
                count_object(s, 5, true);
            atomic_fetch_add(&allocated[k], n);
            sched_yield(); /* a site is split once threads have taken turns at it */
            for (unsigned j = 0; j < n; j++)
                count_object(s, 5, false);
            unsigned has = cell_had(s);
            CHECK(had == HT_COUNTER_SHARDS || has == had, "shards that were there stay");
            had = has;
        }
        count_object(s, 5, true);
        atomic_fetch_add(&allocated[k], 1);
    }
}

static void watch_shards(const struct ht_view *v)
{
    struct ht_cursor c = {.kind = HT_KIND_SITE};
    const struct ht_site *s;
    while ((s = ht_view_next(v, &c))) {
        struct ht_values x;
        ht_site_values(v, s, &x);
        CHECK(x.inuse_bytes >= 0 && x.inuse_bytes <= x.alloc_bytes &&
                  x.inuse_objects <= x.alloc_objects,
              "what is live never exceeds what was allocated");
    }
}

void stress_shards(void)
{
    unsigned sharded = 0;
    make_stacks();
    ht_tls.thread_slot = 1; /* the first of the threads owns them */
    for (unsigned k = 0; k < HOT; k++)
        CHECK(hot[k] = ht_site_intern(stacks[k], 5, 1, 0), "there is room for a hot site");
    ht_crowd(use_shards, watch_shards);
    struct ht_view v;
    ht_own_view(&v);
    for (unsigned k = 0; k < HOT; k++) {
        struct ht_values x;
        const struct ht_site *s = ht_at(hot[k]);
        ht_site_values(&v, s, &x);
        CHECK(x.alloc_objects == (int64_t)allocated[k] && x.alloc_bytes == 5 * x.alloc_objects,
              "no allocation at a hot site is lost or counted twice");
        CHECK(x.inuse_objects == THREADS && x.inuse_bytes == 5 * THREADS,
              "each thread's last block is live at a hot site");
        sharded += s->shards != 0;
    }
    CHECK(sharded == HOT, "every hot site became sharded");
}

/* SPDX-License-Identifier: MIT */
/* Placed blocks: what is kept is one thread's at a time, and while an untagged sample lives free looks all
 * up. Weights that are kept: each is that of its own size and rate. */
#include "config.h"

#include <sched.h>
#include <string.h>

#include "stress.h"
#include "target/allocator/backend.h"
#include "target/allocator/place.h"
#include "target/sampler/weight_cache.h"
#include "target/tables/live.h"

enum { BLOCKS = 64, CALLS = 40000, SIZES = 700 };

/* The allocator underneath: blocks of a page, each with its owner, thread + 1; 0: free. */
static _Alignas(4096) char pages[BLOCKS][4096];
static atomic_uint owner[BLOCKS];
static atomic_ulong taken, freed, open;
static atomic_uint raising = 2;

static unsigned index_of(const void *p)
{
    return (unsigned)(((const char *)p - pages[0]) / 4096);
}

bool ht_next_is_glibc(void)
{
    return true;
}
void *ht_next_aligned(size_t align, size_t size)
{
    for (unsigned i = (unsigned)ht_next_random() % BLOCKS, n = 0; n < BLOCKS;
         n++, i = (i + 1) % BLOCKS) {
        unsigned nobody = 0;
        if (atomic_compare_exchange_strong(&owner[i], &nobody, ht_tls.thread_slot)) {
            atomic_fetch_add(&taken, 1);
            return pages[i];
        }
    }
    return NULL;
}

static void give_back(void *p)
{
    CHECK(atomic_exchange(&owner[index_of(p)], 0) != 0, "a block that is given back was held");
    atomic_fetch_add(&freed, 1);
}

void (*ht_next_free)(void *) = give_back;

static void keep(unsigned thread)
{
    for (int i = 0; i < CALLS; i++) {
        bool kept;
        char *p = ht_place(100, 0, &kept);
        if (!CHECK(p && kept, "there is room for a placed block and its record"))
            return;
        atomic_uint *mine = (atomic_uint *)p;
        atomic_store(mine, thread + 1);
        sched_yield();
        CHECK(atomic_load(mine) == thread + 1, "a placed block belongs to one thread");
        if (!ht_place_recycle(p))
            give_back(p);
        else if (i % 16 == 0)
            ht_place_freed_twice(p); /* another may have it by now; then nothing is done */
    }
}

/* Two threads have an untagged sample again and again, mostly once the mask is open; the others take
 * samples of the usual kind until they are done. */
static void mark(unsigned thread)
{
    const void *untagged = pages[thread] + 64;
    while (thread > 1 && atomic_load(&raising)) {
        ht_place_try_reopen_mask();
        sched_yield();
    }
    for (int i = 0; thread < 2 && i < 400; i++) {
        for (int k = 0; k < 20 && !__atomic_load_n(&ht_free_mask, __ATOMIC_RELAXED); k++) {
            ht_place_try_reopen_mask();
            sched_yield();
        }
        if (__atomic_load_n(&ht_free_mask, __ATOMIC_RELAXED))
            atomic_fetch_add(&open, 1);
        ht_place_added(untagged);
        for (int k = 0; k < 3; k++) {
            CHECK(!__atomic_load_n(&ht_free_mask, __ATOMIC_RELAXED),
                  "the mask is open while an untagged block is live");
            sched_yield();
        }
        ht_place_removed(untagged);
    }
    if (thread < 2)
        atomic_fetch_sub(&raising, 1);
}

static void weigh(unsigned thread)
{
    for (int i = 0; i < CALLS; i++) {
        uint64_t r = ht_next_random(), size = 1000 + r % SIZES, rate = 4096 << (r >> 32 & 1);
        struct ht_object_weights got = ht_weight_cache_get(size, rate), want;
        ht_weights(size, rate, &want.objects, &want.bytes);
        CHECK(!memcmp(&got, &want, sizeof want), "cached weights are those computed");
    }
}

void stress_place(void)
{
    /* free(NULL) comes here when something lives that the filter knows by the same slot. */
    ht_live_filter_add(NULL, 1);
    ht_place_freed_twice(NULL);
    CHECK(ht_live_maybe(NULL), "a pointer added to the filter is looked up");
    ht_live_filter_add(NULL, -1);
    ht_crowd(keep, NULL);
    unsigned kept = 0;
    for (unsigned i = 0; i < BLOCKS; i++)
        if (atomic_load(&owner[i])) {
            kept++;
            CHECK(ht_live_maybe(pages[i]), "a second free of a recycled block is looked up");
            ht_place_freed_twice(pages[i]);
            CHECK(!atomic_load(&owner[i]), "a recycled block is nobody's");
        }
    CHECK(kept > 0 && kept <= 8, "at least one block is kept for reuse, at most eight");
    CHECK(atomic_load(&taken) == atomic_load(&freed), "every block that was taken was freed");
    CHECK(atomic_load(&taken) < (unsigned long)THREADS * CALLS / 4,
          "most placed blocks were recycled ones");
    for (unsigned i = 0; i < BLOCKS; i++)
        CHECK(!ht_live_maybe(pages[i]), "a block that was released is not looked up");

    ht_place_aligned(true);
    CHECK(ht_free_mask == HT_TAG_MASK, "the mask lets tagged pointers through only");
    ht_crowd(mark, NULL);
    CHECK(atomic_load(&open) > 20, "the mask was open often enough");
    for (int i = 0; i < 100; i++)
        ht_place_try_reopen_mask();
    CHECK(ht_free_mask == HT_TAG_MASK, "the mask lets tagged pointers through only, at the end");
}

void stress_weights(void)
{
    ht_crowd(weigh, NULL);
}

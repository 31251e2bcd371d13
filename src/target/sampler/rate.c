/* SPDX-License-Identifier: MIT */
/*
 * The rate and what depends on it. A thread counts bytes down from a random distance of mean
 * `rate`; the allocation at which the count expires is a sample. A new rate reaches a thread with
 * its next distance, so threads draw distances even while sampling is stopped.
 */
#include "config.h"

#include "target/sampler/rate.h"

#include <string.h>
#include <sys/auxv.h>
#include <time.h>

#include "target/allocator/backend.h"
#include "target/allocator/place.h"
#include "target/os/sys.h"
#include "target/os/thread_stack.h"
#include "target/state/thread_slot.h"
#include "target/tables/fold.h"
#include "target/tables/live.h"
#include "util/hash.h"

_Atomic uint64_t ht_interval_in_force;

/*
 * Below this rate a page for each live sample would be noticeable (4 KiB in 128 KiB is 3 %), so
 * free looks every pointer up in a filter; above, it only tests the address.
 */
#define ALIGN_MIN_RATE 131072u

void ht_sample_set_rate(uint64_t rate)
{
    /* When the rate becomes smaller, free must look up every pointer before any block is left
     * unplaced. */
    if (rate) {
        if (rate == 1)
            ht_fold_stop();
        if (rate <= 256)
            ht_live_skip_filter();
        ht_place_aligned(rate >= ALIGN_MIN_RATE && ht_may_place());
        atomic_store_explicit(&ht_interval_in_force, rate, memory_order_release);
    }
    atomic_store_explicit(&ht_rate, rate, memory_order_release);
    if (rate && ht_active())
        atomic_store_explicit(&ht_state->header->rate, rate, memory_order_relaxed);
}

void ht_sample_never(void)
{
    atomic_store_explicit(&ht_interval_in_force, 0, memory_order_relaxed);
    atomic_store_explicit(&ht_rate, 0, memory_order_release);
}

/* Threads set up and forks made, from 1. Relaxed. */
static _Atomic uint64_t ordinal = 1;
static uint64_t fork_salt; /* of this process; written in a new child, which has one thread */

uint64_t ht_fork_number(void)
{
    return atomic_fetch_add_explicit(&ordinal, 1, memory_order_relaxed);
}

void ht_reseed_forked(uint64_t number)
{
    struct ht_tls *t = &ht_tls;
    fork_salt = ht_mix(fork_salt + number * HT_GOLDEN_RATIO);
    if (!t->ready || t->reentrancy_depth)
        return;
    t->random = ht_mix(t->random ^ fork_salt);
    /* In exact mode there is nothing to draw, and a hook may be at work on the countdown. */
    if (t->rate > 1)
        ht_reset_countdown(t);
}

void ht_thread_setup(struct ht_tls *t)
{
    uint64_t n = atomic_fetch_add_explicit(&ordinal, 1, memory_order_relaxed);
    uint64_t seed = ht_config.seed;
    /* AT_RANDOM differs between programs, fork_salt between forked children; number, time and
     * address between threads. */
    if (!seed) {
        const void *r = (const void *)getauxval(AT_RANDOM);
        if (r)
            memcpy(&seed, r, 8);
        seed ^= ht_mix(ht_sys_clock(CLOCK_MONOTONIC_COARSE)) ^ (uint64_t)t;
    }
    t->random = ht_mix((seed ^ fork_salt) + n * HT_GOLDEN_RATIO);
    t->thread_slot = ht_thread_slot_of(t);
    ht_stack_bounds(&t->stack_lo, &t->stack_hi);
    t->ready = 1;
    ht_reset_countdown(t);
}

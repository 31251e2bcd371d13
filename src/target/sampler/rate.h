/* SPDX-License-Identifier: MIT */
/* The sampling rate, and each thread's distance to its next sample. */
#ifndef HEAPTAP_SRC_TARGET_SAMPLER_RATE_H
#define HEAPTAP_SRC_TARGET_SAMPLER_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "region/weight.h"
#include "target/os/hidden.h"
#include "target/state/state.h"

/* Sets the rate for every thread. 0: nothing is sampled, until a rate is set. Any thread. */
void ht_sample_set_rate(uint64_t rate);

/* Stops sampling for good: this process has no region, and will get none. */
void ht_sample_never(void);

/* A thread's first call of a cold path: sets up its random numbers, slot, stack and first
 * distance. On the thread, guarded. */
void ht_thread_setup(struct ht_tls *t);

/*
 * Sampling interval for new countdowns. Equals ht_rate, or the last non-zero ht_rate while
 * sampling is stopped, so that every thread notices a restart within one interval. 0: sampling is
 * off for the life of the process.
 */
extern HT_HIDDEN _Atomic uint64_t ht_interval_in_force;

/* Bytes until a thread that is not sampling checks whether it should. */
#define HT_DORMANT_COUNTDOWN (1u << 20)

/* Draws the distance to the next sample. */
static inline void ht_reset_countdown(struct ht_tls *t)
{
    uint64_t rate = atomic_load_explicit(&ht_interval_in_force, memory_order_relaxed);
    t->rate = rate;
    if (rate == 1)
        t->bytes_until_sample = 0;
    else
        t->bytes_until_sample =
            rate ? ht_distance(ht_random(&t->random), rate) : HT_DORMANT_COUNTDOWN;
}

/* In the parent, right before a fork: a number that no other child gets. */
uint64_t ht_fork_number(void);

/* In the child whose number this is, on the thread that forked. Draws its random numbers, and its
 * next distance, anew: children that went on with their parent's would sample the same blocks, so
 * that the sum of many alike would be as uncertain as one. Signal-safe. */
void ht_reseed_forked(uint64_t number);

/* Counts size + 1 bytes down. True when the countdown has expired, and the caller must call
 * ht_new_sample_begin. The hooks that are not in assembler use this. */
static inline bool ht_countdown(size_t size)
{
    struct ht_tls *t = &ht_tls;
    uint64_t step = (uint64_t)size + 1, left = t->bytes_until_sample;
    t->bytes_until_sample = left - step;
    return HT_UNLIKELY(left < step);
}

#endif

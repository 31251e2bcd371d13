/* SPDX-License-Identifier: MIT */
/* Locks that are tried a bounded number of times. Any thread; signal-safe; never waits for long. */
#ifndef HEAPTAP_SRC_TARGET_STATE_LOCK_H
#define HEAPTAP_SRC_TARGET_STATE_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "region/yield_point.h"
#include "target/os/fault.h"
#include "target/os/machine.h"
#include "target/state/state.h"

/*
 * The order of locks. Who holds one may take those below it in this list, never one above it or
 * another of its own rank: then no two threads can wait for each other. (They would not hang, for
 * every wait has an end, but each would lose what it was about to record.)
 *
 *   lock                          guards                                  taken while held
 *   postfork_thread of state.h    a forked child's region being made      all below
 *   busy, of mappings.c           the table of mappings                   GROW
 *   FOLD, of fold.c               a step of folding                       STACK
 *   dump_busy of state.h          the workspace and stack of a dump       none
 *   busy, of a walk cache         a thread's last walk                    MODULE, STACK, GROW
 *   MODULE, making of state.h     a new record of a loaded object         GROW
 *   LABELS, label_lock of state.h a new label set                         GROW
 *   STACK, of stacks.c            a shard of the table of stacks          POOL, GROW
 *   SHARD, of the live table      a shard's chains, count and free nodes  POOL, GROW
 *   POOL, of bucket_arrays.c      memory for small arrays of chain heads  none
 *   GROW, grow of state.h         the region's size and its new chunks    none
 *   UNTAGGED, of place.c          how many sampled blocks are not tagged  none
 *   busy, of otel_context.c       its buffers                             none
 *   making, of object_table.c     the table of loaded objects             none
 *
 * Those in capitals have a rank, and are taken by ht_lock or ht_try_lock. Their order is asserted
 * where HT_LOCK_ORDER is defined: in debug builds (buildtype=debug) and in the tests of the tables.
 * A signal handler on a thread that holds a lock is exempt, for it only tries. The others are taken
 * by one exchange. A thread that finds one of them taken does without, with two exceptions: a
 * forked child's threads wait until its region is made, and a change of a mapping waits while the
 * queue in front of `busy` is full. The latter is asserted to hold no lock (ht_rank_check_none).
 */
enum ht_rank {
    HT_RANK_FOLD,
    HT_RANK_MODULE,
    HT_RANK_LABELS,
    HT_RANK_STACK,
    HT_RANK_SHARD,
    HT_RANK_POOL,
    HT_RANK_GROW,
    HT_RANK_UNTAGGED
};

#ifdef HT_LOCK_ORDER
/* Ends the process, with a line, when the thread holds a lock that may not be held while one of
 * this rank is taken; a lock was taken; it was given back. */
void ht_rank_check(enum ht_rank rank);
void ht_rank_taken(enum ht_rank rank);
void ht_rank_given(enum ht_rank rank);
#else
static inline void ht_rank_check(enum ht_rank rank)
{
    (void)rank;
}
static inline void ht_rank_taken(enum ht_rank rank)
{
    (void)rank;
}
static inline void ht_rank_given(enum ht_rank rank)
{
    (void)rank;
}
#endif

/* For code that may wait for another thread without a lock: asserts that this one holds none. */
static inline void ht_rank_check_none(void)
{
    ht_rank_check(HT_RANK_FOLD);
}

/* Tries a bounded number of times. For ht_try_lock and ht_lock_patiently. */
static inline bool ht_lock_spin(_Atomic uint32_t *lock)
{
    if (HT_FAULT("lock"))
        return false;
    for (int i = 0; i < 2000; i++) {
        if (!atomic_load_explicit(lock, memory_order_relaxed) &&
            !atomic_exchange_explicit(lock, 1, memory_order_acquire))
            return true;
        HT_YIELD_POINT(LOCK);
        ht_relax();
    }
    return false;
}

/* Takes a lock by trying a bounded number of times. Its holder may be preempted, of lower real-
 * time priority, or interrupted on this very stack (a signal), and must not hang this thread. */
static inline bool ht_try_lock(_Atomic uint32_t *lock, enum ht_rank rank)
{
    ht_rank_check(rank);
    if (!ht_lock_spin(lock))
        return false;
    ht_rank_taken(rank);
    return true;
}

/*
 * The same, then yields and sleeps for up to some 50 ms: the holder was preempted, as happens with
 * more threads than processors. Not inside a sandbox (its filter may refuse the calls), and not in
 * a signal handler that interrupted a guarded thread, which may be the holder itself.
 */
bool ht_lock_patiently(_Atomic uint32_t *lock, enum ht_rank rank);

static inline bool ht_lock(_Atomic uint32_t *lock, enum ht_rank rank)
{
    ht_rank_check(rank);
    if (HT_FAULT("lock")) {
        ht_tls.lock_refused = 1;
        return false;
    }
    if (HT_LIKELY(!atomic_exchange_explicit(lock, 1, memory_order_acquire))) {
        ht_rank_taken(rank);
        return true;
    }
    return ht_lock_patiently(lock, rank);
}

static inline void ht_unlock(_Atomic uint32_t *lock, enum ht_rank rank)
{
    ht_rank_given(rank);
    atomic_store_explicit(lock, 0, memory_order_release);
}

#endif

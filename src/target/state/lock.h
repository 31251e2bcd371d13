/* SPDX-License-Identifier: MIT */
/* Locks that are tried a bounded number of times. Any thread; signal-safe; never waits for long. */
#ifndef HEAPTAP_SRC_TARGET_STATE_LOCK_H
#define HEAPTAP_SRC_TARGET_STATE_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "region/pause.h"
#include "target/os/inject.h"
#include "target/state/state.h"

/* A lock taken by trying a bounded number of times: a thread that is preempted, of lower real-time
 * priority or below us on this very stack (a signal) must not hang its peer. */
static inline bool ht_try_lock(_Atomic uint32_t *lock)
{
    if (HT_FAILS("lock"))
        return false;
    for (int i = 0; i < 2000; i++) {
        if (!atomic_load_explicit(lock, memory_order_relaxed) &&
            !atomic_exchange_explicit(lock, 1, memory_order_acquire))
            return true;
        HT_PAUSE(LOCK);
        __builtin_ia32_pause();
    }
    return false;
}

/*
 * The same, and then gives way for up to some 50 ms: the holder was preempted, as happens with more
 * threads than processors. Not inside a sandbox (its filter may refuse the calls), and not in a
 * signal handler that came down on a guarded thread, which may be the holder itself.
 */
bool ht_lock_patiently(_Atomic uint32_t *lock);

static inline bool ht_lock(_Atomic uint32_t *lock)
{
    if (HT_FAILS("lock"))
        return false;
    if (HT_LIKELY(!atomic_exchange_explicit(lock, 1, memory_order_acquire)))
        return true;
    return ht_lock_patiently(lock);
}

static inline void ht_unlock(_Atomic uint32_t *lock)
{
    atomic_store_explicit(lock, 0, memory_order_release);
}

#endif

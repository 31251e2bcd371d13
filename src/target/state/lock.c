/* SPDX-License-Identifier: MIT */
/* Waits for a lock that was not free at once: yields to its holder, then sleeps, and finally gives
 * up. */
#include "config.h"

#include "target/state/lock.h"

#include <time.h>

#include "target/os/sys.h"
#include "target/state/state.h"

static bool wait_for(_Atomic uint32_t *lock)
{
    for (int i = 0; i < 4; i++) {
        if (ht_lock_spin(lock))
            return true;
        if (ht_sandboxed || ht_tls.reentrancy_depth > 1)
            return false;
        SYS0(SYS_sched_yield);
    }
    /* Sleeping lets a holder of lower real-time priority run, which yielding does not. */
    for (int i = 0; i < 250; i++) {
        struct timespec t = {0, 200000};
        SYS2(SYS_nanosleep, &t, NULL);
        if (ht_lock_spin(lock))
            return true;
    }
    return false;
}

bool ht_lock_patiently(_Atomic uint32_t *lock, enum ht_rank rank)
{
    if (!wait_for(lock)) {
        ht_tls.lock_refused = 1;
        return false;
    }
    ht_rank_taken(rank);
    return true;
}

#ifdef HT_LOCK_ORDER
/* The hooks of a signal handler find the thread guarded already, and are not checked. Code outside
 * hooks (depth 0) has separate bits, because a handler's hook may interrupt it. */
static uint32_t bits(enum ht_rank rank)
{
    return 1u << (rank + (ht_tls.reentrancy_depth ? 8 : 0));
}

void ht_rank_check(enum ht_rank rank)
{
    static const char line[] = "heaptap: a lock is taken out of the order in lock.h\n";
    uint32_t above = ~(bits(rank) - 1) & (ht_tls.reentrancy_depth ? 0xff00u : 0xffu);
    if (ht_tls.reentrancy_depth > 1 || !(ht_tls.locks_held & above))
        return;
    SYS3(SYS_write, 2, line, sizeof line - 1);
    __builtin_trap();
}

void ht_rank_taken(enum ht_rank rank)
{
    if (ht_tls.reentrancy_depth <= 1)
        ht_tls.locks_held |= (uint16_t)bits(rank);
}

void ht_rank_given(enum ht_rank rank)
{
    if (ht_tls.reentrancy_depth <= 1)
        ht_tls.locks_held &= (uint16_t)~bits(rank);
}
#endif

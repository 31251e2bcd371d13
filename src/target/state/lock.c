/* SPDX-License-Identifier: MIT */
/* A lock that was not free at once: yields to its holder, then sleeps, and gives up in the end. */
#include "config.h"

#include "target/state/lock.h"

#include <time.h>

#include "target/os/sys.h"
#include "target/state/state.h"

bool ht_lock_patiently(_Atomic uint32_t *lock)
{
    for (int i = 0; i < 4; i++) {
        if (ht_try_lock(lock))
            return true;
        if (ht_sandboxed || ht_tls.guard > 1)
            return false;
        SYS0(SYS_sched_yield);
    }
    /* Sleeping lets a holder of lower real-time priority run, which yielding does not. */
    for (int i = 0; i < 250; i++) {
        struct timespec t = {0, 200000};
        SYS2(SYS_nanosleep, &t, NULL);
        if (ht_try_lock(lock))
            return true;
    }
    return false;
}

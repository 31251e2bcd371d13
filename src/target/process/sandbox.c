/* SPDX-License-Identifier: MIT */
/*
 * Before a seccomp filter is installed, everything that needs files is done: a forked child adopts
 * its region, and the region goes on in private memory.
 */
#include "config.h"

#include "target/process/sandbox.h"

#include <errno.h>

#include "target/labels/thread_name.h"
#include "target/process/adopt.h"
#include "target/state/state.h"
#include "target/tables/live.h"
#include "target/tables/mappings.h"
#include "target/tables/writer.h"

/* Set by the first of the calls that are in progress, and cleared by the last one when none
 * succeeded. Relaxed: each thread reads its own writes, and other threads enter a filter only
 * afterwards. */
static _Atomic uint32_t trying, granted;

/* Called by hooks/passed/sandbox.S with the program's arguments saved. */
void ht_before_sandbox(void)
{
    int saved = errno;
    if (ht_forked() && !ht_tls.reentrancy_depth)
        ht_postfork_child(); /* the child's region, while a file can still be made */
    if (ht_active() && !ht_sandboxed) {
        ht_region_detach();
        ht_live_prepare();
        if (ht_mappings_on)
            ht_mappings_prepare();
        ht_thread_name_remember();
    }
    if (!ht_sandboxed)
        atomic_store_explicit(&granted, 0, memory_order_relaxed);
    atomic_fetch_add_explicit(&trying, 1, memory_order_relaxed);
    ht_sandboxed = true;
    errno = saved;
}

void ht_sandboxed_from_start(void)
{
    atomic_store_explicit(&granted, 1, memory_order_relaxed);
    ht_sandboxed = true;
}

void ht_after_sandbox(long result)
{
    if ((int)result >= 0) /* prctl's is an int */
        atomic_store_explicit(&granted, 1, memory_order_relaxed);
    if (atomic_fetch_sub_explicit(&trying, 1, memory_order_relaxed) == 1 && !atomic_load(&granted))
        ht_sandboxed = false;
}

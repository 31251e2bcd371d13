/* SPDX-License-Identifier: MIT */
/*
 * Memory that is gone cannot be looked through, so the process stays until that is done. It sleeps;
 * what it waits for stands in the region's header. Its alarm stands still meanwhile: it would not
 * have come before the end.
 */
#include "config.h"

#include "target/process/leak_wait.h"

#include <signal.h>
#include <sys/time.h>
#include <time.h>

#include "target/os/machine.h"
#include "target/os/sys.h"
#include "target/process/namespaces.h"
#include "target/state/state.h"

#define NAP_NS   1000000
#define PATIENCE 10000 /* naps without a sign of `run` */
#define LOOK     128   /* naps, after which it is asked whether `run` lives */

static void wait_for(struct ht_region_header *h)
{
    const struct timespec nap = {0, NAP_NS};
    uint32_t beat = atomic_load_explicit(&h->leak_beat, memory_order_relaxed);
    for (unsigned naps = 0, quiet = 0; quiet < PATIENCE; naps++, quiet++) {
        if (atomic_load(&h->leak_look) != HT_LEAK_LOOK_ASKED ||
            (naps % LOOK == LOOK - 1 && !ht_run_waits()))
            break;
        SYS2(SYS_nanosleep, &nap, NULL);
        uint32_t now = atomic_load_explicit(&h->leak_beat, memory_order_relaxed);
        if (now != beat)
            quiet = 0;
        beat = now;
    }
}

__attribute__((noinline)) void ht_leak_wait(void)
{
    struct ht_state *s = ht_state;
    struct ht_region_header *h = s->header;
    uint32_t none = HT_LEAK_LOOK_NONE, asked = HT_LEAK_LOOK_ASKED;
    const struct itimerval stopped = {0};
    struct itimerval left = {0};
    if (!ht_config.run_leaks || !ht_config.run_pid || ht_pid_is_foreign(h) || !ht_run_waits() ||
        !ht_run_finds(s->region_path))
        return;
    /* What the callers keep in registers is put on the stack, where it is seen. */
    HT_SPILL_REGISTERS();
    /* Another thread that ends the process meanwhile waits with this one. */
    const bool first = atomic_compare_exchange_strong(&h->leak_look, &none, HT_LEAK_LOOK_ASKED);
    if (first)
        SYS3(SYS_setitimer, ITIMER_REAL, &stopped, &left);
    SYS2(SYS_kill, ht_config.run_pid, SIGCHLD);
    wait_for(h);
    atomic_compare_exchange_strong(&h->leak_look, &asked, HT_LEAK_LOOK_LEFT);
    if (first)
        SYS3(SYS_setitimer, ITIMER_REAL, &left, NULL);
}

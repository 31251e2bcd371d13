// SPDX-License-Identifier: MIT
// Preloaded: every look at the monotonic clock finds it 100 seconds further, as on a machine that has too much to do.
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *t)
{
    static time_t ahead;
    int r = (int)syscall(SYS_clock_gettime, clock, t);
    if (!r && clock == CLOCK_MONOTONIC)
        t->tv_sec += ahead += 100;
    return r;
}

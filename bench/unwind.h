/* SPDX-License-Identifier: MIT */
#ifndef HEAPTAP_BENCH_UNWIND_H
#define HEAPTAP_BENCH_UNWIND_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#define SIZE 60000 /* under a rate of 5000: left out once in 160 000 times */

extern void *(*real_malloc)(size_t);
extern void (*real_free)(void *);

static inline uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A malloc below thirty functions, each entered for the first time; or, `beside`, below thirty
 * others that lie beside those, and have their unwind data beside theirs. */
struct first {
    uint64_t ns;
    long faults; /* 0 where they are not asked for: asking is a system call */
};
struct first first_through_30(bool beside, bool ask_faults);

#endif

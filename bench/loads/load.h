/* SPDX-License-Identifier: MIT */
/* What a load is. Each program of loads has a table of its own, which ends with a name of NULL. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef void *load_fn(void *);

struct load {
    const char *name;
    load_fn *run; /* on each thread; the argument is its number */
    long rounds;  /* each thread's, unless the command says otherwise */
    long warm;    /* before the clock starts: the first sample's costs are the start-up's */
    int depth;
};

extern const struct load loads[];
extern long load_rounds;
extern uint64_t load_seed_number;
extern int load_depth, load_threads;
extern char **load_arguments; /* NAME=VALUE..., for what a load starts */

/* Fixed seeds: a run with the same SEED, by default 0, repeats. */
static inline uint64_t load_seed(void *arg)
{
    return 88172645463325252ull + (uintptr_t)arg + load_seed_number * 0x9e3779b97f4a7c15ull;
}

static inline uint64_t load_next(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    return *x ^= *x << 17;
}

load_fn load_churn, load_sizes, load_calloc, load_untouched, load_growth, load_aligned;
load_fn load_handover, load_larson, load_queue, load_scratch;
load_fn load_lifetimes, load_batches, load_passed;
load_fn load_deep, load_deep_fp;
load_fn load_create, load_spawn, load_start;

#ifdef __cplusplus
}
#endif

#endif

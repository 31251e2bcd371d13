/* SPDX-License-Identifier: MIT */
/* The loads in C. Rounds make a run of 30 to 100 ms: short enough for many pairs, long enough for
 * the clock. */
#include "load.h"

#include <stddef.h>

const struct load loads[] = {
    {"churn", load_churn, 4000000, 200000, 0},
    {"sizes", load_sizes, 400000, 20000, 0},
    {"sizes1", load_sizes, 400000, 20000, 1},
    {"calloc", load_calloc, 4000, 100, 0},
    {"untouched", load_untouched, 4000, 20, 0},
    {"realloc", load_growth, 20000, 1000, 0},
    {"memalign", load_aligned, 2000000, 100000, 0},
    {"handover", load_handover, 2000000, 100000, 0},
    {"larson", load_larson, 2000000, 100000, 0},
    {"xmalloc", load_queue, 1000000, 50000, 0},
    {"scratch", load_scratch, 2000000, 100000, 0},
    {"alloctest", load_lifetimes, 500000, 20000, 0},
    {"sh6", load_batches, 2000000, 100000, 0},
    {"sh8", load_passed, 1000000, 50000, 0},
    {"deep10", load_deep, 2000000, 100000, 10},
    {"deep30", load_deep, 1000000, 50000, 30},
    {"deep100", load_deep, 300000, 10000, 100},
    {"deep10fp", load_deep_fp, 2000000, 100000, 10},
    {"deep30fp", load_deep_fp, 1000000, 50000, 30},
    {"deep100fp", load_deep_fp, 300000, 10000, 100},
    {"threads", load_create, 3000, 100, 0},
    {"spawn", load_spawn, 200, 10, 0},
    {"start", load_start, 100, 5, 0},
    {NULL, NULL, 0, 0, 0},
};

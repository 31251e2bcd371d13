/* SPDX-License-Identifier: MIT */
/* Exact counts of runs, and of the benchmarks in them. */
#ifndef HEAPTAP_SRC_CLI_RUN_STAT_FIGURES_H
#define HEAPTAP_SRC_CLI_RUN_STAT_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile/profile.h"

/* In the order of printing. */
enum ht_stat_figure {
    HT_STAT_ALLOCATIONS,
    HT_STAT_BYTES,
    HT_STAT_FREES,
    HT_STAT_TEMPORARY, /* blocks freed by the next call of the thread that allocated them */
    HT_STAT_TEMPORARY_BYTES,
    HT_STAT_LEFT,       /* objects in use at the end */
    HT_STAT_LEFT_BYTES, /* their bytes */
    HT_STAT_PEAK,       /* the largest number of bytes in use, of the image with the largest */
    HT_STAT_FIGURES
};

struct ht_stat_run {
    uint64_t figures[HT_STAT_FIGURES];
    uint64_t lost; /* allocations that could not be recorded */
    size_t images; /* above 1: the program executed others */
};

/* One call of heaptap_bench_begin and _end. */
struct ht_stat_benchmark {
    char name[208];
    uint64_t operations, allocations, bytes, frees;
    uint64_t temporary, temporary_bytes;
};

struct ht_stat {
    const char *program;
    struct ht_stat_run *runs;
    size_t n_runs;
    struct ht_stat_benchmark *benchmarks;
    size_t n_benchmarks;
};

/* Adds the profile of a process image to a run. */
void ht_stat_add(struct ht_stat_run *run, const struct ht_profile *p);

/* Adds the lines of a file that heaptap_bench_end wrote. 0 or -errno. */
int ht_stat_read_benchmarks(struct ht_stat *s, const char *path);

/* Prints text for people on standard error. */
void ht_stat_print(const struct ht_stat *s);

/* Prints lines for benchstat on standard output: of the benchmarks, or of the runs when there
 * are none. */
void ht_stat_print_benchstat(const struct ht_stat *s);

void ht_stat_finish(struct ht_stat *s);

#endif

/* SPDX-License-Identifier: MIT */
/* The target's tables under 8 threads that pause where the races are (HT_YIELD_POINT): what the stresses share. */
#ifndef HEAPTAP_TESTS_TABLES_STRESS_H
#define HEAPTAP_TESTS_TABLES_STRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "region/view.h"
#include "target/state/state.h"
#include "target/tables/stacks.h"
#include "target/tables/writer.h"
#include "tests/lib/check.h"

enum { THREADS = 8 };

/* Says it once a place, and goes on: a broken table fails in thousands of ways. */
void ht_check_failed(const char *file, int line, const char *claim, const char *condition);

/* A repeatable stream for each thread of a run. */
uint64_t ht_next_random(void);

/* Runs work(0..7) on a thread each, and watch, if any, on one more until they are done; again and again it is
 * called with the region as it is. */
void ht_crowd(void (*work)(unsigned thread), void (*watch)(const struct ht_view *v));

/* All eight wait for each other: what comes next, they do at once. */
void ht_together(void);

/* How often a point was passed. */
unsigned long ht_passed(enum ht_yield_point_id point);

/* Called at every point, if it is set. */
extern void (*ht_at_point)(enum ht_yield_point_id point);

/* The tables; each fills its own region, and leaves its checks behind. */
void stress_chunks(void);
void stress_frames(void);
void stress_stacks(void);
void stress_sites(void);
void stress_labels(void);
void stress_shards(void);
void stress_modules(void);
void stress_nodes(void);
void stress_live(void);
void stress_pending(void);
void stress_trail(void);
void stress_place(void);
void stress_weights(void);
void stress_fold(void);
void stress_mappings(void);

#endif

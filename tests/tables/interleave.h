/* SPDX-License-Identifier: MIT */
/* Every order of the steps of two or three threads at one table: what the cases share. */
#ifndef HEAPTAP_TESTS_TABLES_INTERLEAVE_H
#define HEAPTAP_TESTS_TABLES_INTERLEAVE_H

#include <stdbool.h>
#include <stdint.h>

#include "region/view.h"
#include "target/state/state.h"
#include "target/tables/stacks.h"
#include "target/tables/writer.h"
#include "tests/lib/check.h"

void ht_check_failed(const char *file, int line, const char *claim, const char *condition);

struct ht_case {
    const char *name;
    unsigned threads;    /* at most 3 */
    unsigned switches;   /* away from a thread that could go on; 99: any number */
    void (*begin)(void); /* the tables are empty before it; nobody pauses in it */
    void (*run)(unsigned thread);
    void (*always)(void); /* holds between any two steps; may be NULL */
    void (*end)(void);    /* holds when all are done */
};
extern const struct ht_case ht_cases[];
extern const unsigned ht_n_cases;

#endif

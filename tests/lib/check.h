/* SPDX-License-Identifier: MIT */
/*
 * The one check of the C tests: a condition and the claim that it stands for, a sentence that says
 * what must hold. The value is the condition's, so that a test that goes on can leave out what
 * needs it. Each program defines what a failure does: ht_check_failed counts it, or ends the
 * program.
 */
#ifndef HEAPTAP_TESTS_LIB_CHECK_H
#define HEAPTAP_TESTS_LIB_CHECK_H

#include <stdbool.h>

/* The condition is evaluated once, the claim when it does not hold. */
#define CHECK(condition, claim)                                                                    \
    ((condition) || (ht_check_failed(__FILE__, __LINE__, claim, #condition), false))

#endif

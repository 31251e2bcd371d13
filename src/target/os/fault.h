/* SPDX-License-Identifier: MIT */
/*
 * Fault points: places that fail when a test asks for it, only in the tests' build of the library
 * (HT_INJECT). Most operations that can fail are calls from one file to another and are made to
 * fail at link time (tests/inject/points.c); fault points are for those that are inline or within
 * one file.
 */
#ifndef HEAPTAP_SRC_TARGET_OS_FAULT_H
#define HEAPTAP_SRC_TARGET_OS_FAULT_H

#include <stdbool.h>

#ifdef HT_INJECT
/* True when this is the time at which the test wants the point to fail. */
bool ht_fault(const char *point);
#define HT_FAULT(point) ht_fault(point)
#else
#define HT_FAULT(point) false
#endif

#endif

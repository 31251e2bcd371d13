/* SPDX-License-Identifier: MIT */
/*
 * Places that fail when a test asks for it, in the tests' build of the library alone (HT_INJECT).
 * Most of what can fail is a call from one file to another, and is made to fail at link time
 * (tests/inject/points.c); here is what is inline, or within its file.
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

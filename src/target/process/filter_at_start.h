/* SPDX-License-Identifier: MIT */
/*
 * Detects a seccomp filter that was there before the program: inherited over exec. There is no way
 * to ask what it does with a call that it does not expect.
 */
#ifndef HEAPTAP_SRC_TARGET_PROCESS_FILTER_AT_START_H
#define HEAPTAP_SRC_TARGET_PROCESS_FILTER_AT_START_H

#include <stdbool.h>

/*
 * True: the process is under a filter, and nothing says that the library's system calls are safe
 * there. Makes only calls that the loader has just made for this program: openat to read, read,
 * close.
 */
bool ht_filter_unknown(void);

/* Set by it: the process had no filter at all, neither an unknown one nor one that is trusted. */
#pragma GCC visibility push(hidden)
extern bool ht_no_filter_at_start;
#pragma GCC visibility pop

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The C library's functions that our code calls by their usual names: these names are bound inside
 * the library (libc.c, bytes.c), so that no definition of the program's is entered from ours. What
 * cannot be done here is done by the C library's own function, found by ht_libc_find.
 */
#ifndef HEAPTAP_SRC_TARGET_OS_LIBC_H
#define HEAPTAP_SRC_TARGET_OS_LIBC_H

/* Finds the C library's own; idempotent, not for two threads at once, and before anything else of
 * ours runs. Until then errno is a place that nobody reads, and clocks and handles are had without
 * the C library or not at all. */
void ht_libc_find(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The C library's functions that our code calls by their usual names: these names are bound inside
 * the library (libc.c, bytes.c), so that no definition of the program's is entered from ours. What
 * cannot be done here is done by the C library's own function, found by ht_libc_find.
 */
#ifndef HEAPTAP_SRC_TARGET_OS_LIBC_H
#define HEAPTAP_SRC_TARGET_OS_LIBC_H

/* Finds the C library's own functions. Idempotent; not for two threads at once; must run before
 * anything else of ours. Until then errno is a dummy, and clocks and dlsym work without the C
 * library or fail. */
void ht_libc_find(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The C library's functions that this library calls by their usual names: the names are bound
 * inside the library (libc.c, bytes.c), so that no definition of the program's is called. What the
 * library cannot do itself is done by the C library's own function, found by ht_libc_find.
 */
#ifndef HEAPTAP_SRC_TARGET_OS_LIBC_H
#define HEAPTAP_SRC_TARGET_OS_LIBC_H

#include "target/os/hidden.h"
#include "target/os/machine.h"

/* Finds the C library's own functions. Idempotent; not for two threads at once; must run before
 * anything else of the library. Until then errno is a dummy, and clocks and dlsym do without the
 * C library or fail. */
void ht_libc_find(void);

/* errno without a call: it is in static TLS, so far from the thread pointer (0: not known yet, and
 * the dummy serves). Written once, before threads. */
extern HT_HIDDEN long ht_errno_offset;
extern HT_HIDDEN int ht_no_errno;
static inline int *ht_errno(void)
{
    return ht_errno_offset ? (int *)(ht_thread_pointer() + ht_errno_offset) : &ht_no_errno;
}

#endif

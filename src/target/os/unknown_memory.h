/* SPDX-License-Identifier: MIT */
/*
 * Reading memory that may not be there: what a pointer of the program's leads to. Each page is
 * asked of the kernel first (rt_sigaction, which changes nothing), once in a look. Signal-safe.
 */
#ifndef HEAPTAP_SRC_TARGET_OS_UNKNOWN_MEMORY_H
#define HEAPTAP_SRC_TARGET_OS_UNKNOWN_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One look: pages that were found readable in it; zero begins it. */
struct ht_unknown_memory {
    uint64_t pages[4];
    unsigned next;
};

/* Copies n bytes at `at`. False: they cannot be read, or the process is in a sandbox, where no call
 * is made. */
bool ht_unknown_read(struct ht_unknown_memory *m, uint64_t at, void *to, size_t n);

#endif

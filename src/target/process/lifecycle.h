/* SPDX-License-Identifier: MIT */
/* Start, fork and exit. */
#ifndef HEAPTAP_SRC_TARGET_PROCESS_LIFECYCLE_H
#define HEAPTAP_SRC_TARGET_PROCESS_LIFECYCLE_H

#include <stdint.h>

/* Of the region in use when a child forks: what the child unmaps. */
extern uint64_t ht_inherited_limit;

/* The process is about to end: the last dump, or the region taken away when there is nothing in
 * it. Async-signal-safe. */
void ht_leaving(void);

#endif

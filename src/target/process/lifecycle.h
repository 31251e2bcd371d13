/* SPDX-License-Identifier: MIT */
/* Start, fork and exit. */
#ifndef HEAPTAP_SRC_TARGET_PROCESS_LIFECYCLE_H
#define HEAPTAP_SRC_TARGET_PROCESS_LIFECYCLE_H

#include <stdbool.h>

#include "target/state/state.h"

/* The region is there and this process's own. */
static inline bool ht_active(void)
{
    return ht_state && atomic_load_explicit(&ht_state->active, memory_order_acquire) == HT_ACTIVE;
}

/* Of the region in use when a child forks: what the child unmaps. */
extern uint64_t ht_inherited_limit;

/* The process is about to end: the last dump, or the region taken away when there is nothing in
 * it. Async-signal-safe. */
void ht_leaving(void);

/* One line on standard error, unless descriptor 2 is no longer the one the process started with. */
void ht_say(const char *a, const char *b, const char *c);

#endif

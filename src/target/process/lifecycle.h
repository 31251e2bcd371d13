/* SPDX-License-Identifier: MIT */
/* Start, fork and exit. */
#ifndef HEAPTAP_SRC_TARGET_PROCESS_LIFECYCLE_H
#define HEAPTAP_SRC_TARGET_PROCESS_LIFECYCLE_H

#include <stdint.h>

#include "target/state/state.h"

/* Makes a forked child independent of its parent. */
void ht_child_adopt(void);

/* The same, for a dump that a child is asked for before its first sample. */
static inline void ht_adopt_for_dump(void)
{
    if (ht_forked() && ht_config.children)
        ht_child_adopt();
}

/* The process is about to end: the last dump, or the region taken away when there is nothing in
 * it. Async-signal-safe. */
void ht_leaving(void);

#endif

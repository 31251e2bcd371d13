/* SPDX-License-Identifier: MIT */
/* A process's own region: at start, and in a forked child. */
#ifndef HEAPTAP_SRC_TARGET_PROCESS_ADOPT_H
#define HEAPTAP_SRC_TARGET_PROCESS_ADOPT_H

#include <stdbool.h>

#include "target/state/state.h"

/* Makes the region of a program that has begun. False: no memory for one. */
bool ht_region_begin(void);

/* Makes a forked child independent of its parent; makes a region that waited. */
void ht_postfork_child(void);

/* The same, for a dump that is requested from a child before its first sample. */
static inline void ht_adopt_for_dump(void)
{
    if (ht_forked() && ht_config.children)
        ht_postfork_child();
}

#endif

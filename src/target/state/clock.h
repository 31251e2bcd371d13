/* SPDX-License-Identifier: MIT */
/* The age of the region. Any thread; signal-safe; takes no lock. */
#ifndef HEAPTAP_SRC_TARGET_STATE_CLOCK_H
#define HEAPTAP_SRC_TARGET_STATE_CLOCK_H

#include <time.h>

#include "target/os/sys.h"
#include "target/state/state.h"

/* Whole seconds since the region was made. */
static inline uint32_t ht_seconds_since_start(void)
{
    uint64_t now = ht_sys_clock(CLOCK_MONOTONIC_COARSE);
    uint64_t start = ht_state->header->start_mono_ns;
    return now > start ? (uint32_t)((now - start) / 1000000000u) : 0;
}

#endif

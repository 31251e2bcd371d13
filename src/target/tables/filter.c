/* SPDX-License-Identifier: MIT */
/* The filter's counters; filter.h has the functions that use them. */
#include "config.h"

#include "target/tables/filter.h"

_Alignas(64) _Atomic uint8_t ht_live_filter[1u << HT_FILTER_BITS];
_Atomic uint32_t ht_live_unfiltered;

void ht_live_skip_filter(void)
{
    /* Only after all counters are at 255: another thread that still sees the filter in use adds to
     * a counter, which must not be lost. */
    for (uint32_t i = 0; i < 1u << HT_FILTER_BITS; i++)
        atomic_store_explicit(&ht_live_filter[i], 255, memory_order_relaxed);
    atomic_store_explicit(&ht_live_unfiltered, 1, memory_order_release);
}

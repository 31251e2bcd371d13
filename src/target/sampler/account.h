/* SPDX-License-Identifier: MIT */
/* The accounts of a site. The caller is guarded. Any thread; signal-safe; takes no lock. */
#ifndef HEAPTAP_SRC_TARGET_SAMPLER_ACCOUNT_H
#define HEAPTAP_SRC_TARGET_SAMPLER_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "target/state/state.h"
#include "target/tables/counters.h"

/* ht_account for a sample that stands for more than itself, or where peak or growth is kept. */
void ht_account_allocated(struct ht_site *site, uint64_t size);
void ht_account_freed(struct ht_site *site, uint64_t size);

/* Begins a new epoch when the total in use is a new maximum. */
void ht_note_peak(void);

/* Counts an object that a forked child inherited as allocated. */
void ht_sample_account_inherited(ht_ref site, uint64_t size);

/* Adds one object of the given size to the allocated, or freed, totals of a site. */
static inline __attribute__((always_inline)) void ht_account(struct ht_site *site, uint64_t size,
                                                             enum ht_event event)
{
    if (site->rate != 1 || HT_UNLIKELY(ht_state->peak_or_growth)) {
        if (event == HT_ALLOCATED)
            ht_account_allocated(site, size);
        else
            ht_account_freed(site, size);
        return;
    }
    const uint32_t thread_slot = ht_tls.thread_slot;
    ht_site_count(site, thread_slot, size, event);
    ht_total_count(thread_slot, size, event);
}

#endif

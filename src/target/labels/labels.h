/* SPDX-License-Identifier: MIT */
/* The labels of the calling thread, as they are when a sample is taken. Signal-safe. */
#ifndef HEAPTAP_SRC_TARGET_LABELS_LABELS_H
#define HEAPTAP_SRC_TARGET_LABELS_LABELS_H

#include "target/state/state.h"

uint32_t ht_labels_gather(void);

/* The number of their set; 0: there are none, or none were asked for. The thread is guarded, and
 * the region is its own. */
static inline uint32_t ht_labels_now(void)
{
    return HT_LIKELY(!ht_config.n_labels) ? 0 : ht_labels_gather();
}

#endif

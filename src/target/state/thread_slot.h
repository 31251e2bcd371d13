/* SPDX-License-Identifier: MIT */
/*
 * A number for each thread that lives, from 1: no two have the same, so that what bears a thread's
 * number is written by it alone, without a locked instruction. A thread's end is told to nobody;
 * but where its thread-local memory lay, another's may lie afterwards, and nobody else's can: so a
 * number goes with the place.
 */
#ifndef HEAPTAP_SRC_TARGET_STATE_THREAD_SLOT_H
#define HEAPTAP_SRC_TARGET_STATE_THREAD_SLOT_H

#include "target/state/state.h"

uint32_t ht_thread_slot_of(const struct ht_tls *t);

/* This thread's; a handler on it gets the same. */
static inline uint32_t ht_thread_slot(void)
{
    if (HT_UNLIKELY(!ht_tls.thread_slot))
        ht_tls.thread_slot = ht_thread_slot_of(&ht_tls);
    return ht_tls.thread_slot;
}

#endif

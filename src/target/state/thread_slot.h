/* SPDX-License-Identifier: MIT */
/*
 * Thread slots, numbered from 1. No two live threads share a slot, so a slot's counters need no
 * locked instructions. The library gets no notice when a thread exits; instead the slot is keyed
 * by the address of the thread's TLS block, which can be reused only after that thread is gone.
 */
#ifndef HEAPTAP_SRC_TARGET_STATE_THREAD_SLOT_H
#define HEAPTAP_SRC_TARGET_STATE_THREAD_SLOT_H

#include "target/state/state.h"

uint32_t ht_thread_slot_of(const struct ht_tls *t);

/* This thread's number; a signal handler on it gets the same. */
static inline uint32_t ht_thread_slot(void)
{
    if (HT_UNLIKELY(!ht_tls.thread_slot))
        ht_tls.thread_slot = ht_thread_slot_of(&ht_tls);
    return ht_tls.thread_slot;
}

#endif

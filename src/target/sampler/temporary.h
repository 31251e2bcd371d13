/* SPDX-License-Identifier: MIT */
/*
 * Temporary blocks: those whose free is the next call of their own thread. Counted where
 * HEAPTAP_TEMPORARY asks for it, in exact mode. A thread keeps the number of the node of the block
 * it allocated last, and the block's record in the region the thread's slot: a number alone may be
 * another thread's block by now, which has the same node, and even the same address. The caller is
 * guarded. Any thread; signal-safe; takes no lock.
 */
#ifndef HEAPTAP_SRC_TARGET_SAMPLER_TEMPORARY_H
#define HEAPTAP_SRC_TARGET_SAMPLER_TEMPORARY_H

#include <stdbool.h>
#include <stdint.h>

#include "target/state/state.h"

/* After a block was recorded under that node, and nobody has seen the block yet: it is the thread's
 * last. */
void ht_temporary_allocated(uint32_t node);

/* Whether p, which is still recorded, is the block that this thread allocated last, with no free
 * by the thread since. */
bool ht_temporary_is_last(const void *p);

/* Counts a block of that size. */
void ht_temporary_count(uint64_t size);

/* Before p is freed, while it is still recorded: counts it where it is the thread's last block. No
 * block is the last after it. */
void ht_temporary_free_last(const void *p);
static inline void ht_temporary_freed(const void *p)
{
    if (HT_UNLIKELY(ht_tls.last_block))
        ht_temporary_free_last(p);
}

/* An allocation that was not recorded. */
static inline void ht_temporary_missed(void)
{
    ht_tls.last_block = 0;
}

#endif

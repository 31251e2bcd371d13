/* SPDX-License-Identifier: MIT */
/* Records of sites and stacks: new ones, and those that were folded (fold.h). Any thread, and
 * signal handlers: lock-free. */
#ifndef HEAPTAP_SRC_TARGET_TABLES_RECORDS_H
#define HEAPTAP_SRC_TARGET_TABLES_RECORDS_H

#include <stdint.h>

#include "target/state/state.h"

/* A zeroed record of a site; of a stack, with room for so many frames, which has kept its list of
 * frames, or none yet. 0: memory is out. The commit word is the caller's to store. */
ht_ref ht_site_record(void);
ht_ref ht_stack_record(uint32_t n_frames);

/* A record that nobody has a reference to is free; a reader of the region finds it no more. */
void ht_site_give(ht_ref site);
void ht_stack_give(ht_ref stack);

/* Rises before a record is used again. Inherited by a forked child: a site that says a later one
 * was made after the fork, and is not the one that the child has a reference to. */
#pragma GCC visibility push(hidden)
extern _Atomic uint32_t ht_fold_passes;
#pragma GCC visibility pop

/* What is made now, at a rate above 1. Before it is committed. */
static inline void ht_site_made(struct ht_site *s)
{
    atomic_store_explicit(&s->made, atomic_load_explicit(&ht_fold_passes, memory_order_relaxed),
                          memory_order_relaxed);
    atomic_store_explicit(&s->last_used,
                          atomic_load_explicit(&ht_state->fold.clock, memory_order_relaxed),
                          memory_order_relaxed);
}

#endif

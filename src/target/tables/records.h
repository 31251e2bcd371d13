/* SPDX-License-Identifier: MIT */
/* Records of sites and stacks: new ones, and those that were folded (fold.h). Any thread, and
 * signal handlers: lock-free. */
#ifndef HEAPTAP_SRC_TARGET_TABLES_RECORDS_H
#define HEAPTAP_SRC_TARGET_TABLES_RECORDS_H

#include <stdint.h>

#include "target/state/state.h"

/* A zeroed record for a site. A record for a stack of that many frames: one that was used before
 * still has a list of frames with room for them. 0: memory is out. The caller stores the commit
 * word. */
ht_ref ht_site_record(void);
ht_ref ht_stack_record(uint32_t n_frames);

/* Puts a record that no thread has a reference to into its free list. Readers do not see it then.
 */
void ht_site_release(ht_ref site);
void ht_stack_release(ht_ref stack);

/* The number of the current pass; it rises before a record is reused. A forked child inherits it: a
 * site of the parent's that was made in a later pass is not the one that the child refers to. */
#pragma GCC visibility push(hidden)
extern _Atomic uint32_t ht_fold_passes;
#pragma GCC visibility pop

/* Stamps a new site, whose rate is above 1, with the pass and the time. Before it is committed. */
static inline void ht_site_made(struct ht_site *s)
{
    atomic_store_explicit(&s->made, atomic_load_explicit(&ht_fold_passes, memory_order_relaxed),
                          memory_order_relaxed);
    atomic_store_explicit(&s->last_used,
                          atomic_load_explicit(&ht_state->fold.clock, memory_order_relaxed),
                          memory_order_relaxed);
}

#endif

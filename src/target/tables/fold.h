/* SPDX-License-Identifier: MIT */
/*
 * Folding: sites of which nothing lives and that no sample came to for long are added to the sums
 * of struct ht_folded, and their records, and those of stacks without sites, are used again. So the
 * region is bounded by what lives and by what was seen lately. At rates above 1: in exact mode all
 * is kept.
 *
 * A sample announces itself while it has references to sites or stacks (ht_fold_enter,
 * ht_fold_leave). Now and then one does a step: it looks at 256 records at most. A pass over all
 * records takes each one step further:
 *   1. a site that was idle for long is detached: it is not found any more;
 *   2. in the next pass nobody can have it in hand. If it is still idle, it is added to the next
 *      version of the sums, which counts from the end of the pass on, and leaves its stack's list;
 *   3. in the next pass but one it is cleared and given to the free list. Until then a reader that
 *      began with an older version finds it whole.
 * A stack is detached in the pass after its last site left it, and given to a free list in the pass
 * after that one.
 */
#ifndef HEAPTAP_SRC_TARGET_TABLES_FOLD_H
#define HEAPTAP_SRC_TARGET_TABLES_FOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "target/state/state.h"
#include "target/tables/counters.h"

/* Whoever has references to sites or stacks, and no object that lives there, is between these two,
 * but in exact mode. The result of the first is for the second. *due: ht_fold_tick is due after it.
 * Any thread, and signal handlers. */
static inline struct ht_fold_count *ht_fold_enter(bool *due)
{
    struct ht_fold *f = &ht_state->fold;
    struct ht_fold_count *c =
        &f->stripes[ht_tls.thread_slot % HT_FOLD_STRIPES]
             .by_parity[atomic_load_explicit(&f->parity, memory_order_relaxed) & 1];
    /* Sequentially consistent: what is read afterwards is not older. */
    *due = !(atomic_fetch_add(&c->entered, 1) % HT_FOLD_TICK);
    return c;
}

static inline void ht_fold_leave(struct ht_fold_count *c)
{
    _Atomic uint32_t *left = &c->left;
    if (ht_own_total_cell(ht_tls.thread_slot)) {
        left = &c->own_left;
#ifndef __SANITIZE_THREAD__ /* which does not see what order this makes */
        /* One instruction, so that a signal handler may come at any moment; on x86-64 no store is
         * seen before an earlier one. A locked one costs some 20 cycles more. */
        __asm__ volatile("incl %0" : "+m"(*left) : : "cc", "memory");
        return;
#endif
    }
    atomic_fetch_add_explicit(left, 1, memory_order_release);
}

/* A sample came to the site, which is of a rate above 1. Between enter and leave. */
static inline void ht_fold_touch(struct ht_site *s)
{
    uint32_t now = atomic_load_explicit(&ht_state->fold.clock, memory_order_relaxed);
    if (atomic_load_explicit(&s->last_used, memory_order_relaxed) != now)
        atomic_store_explicit(&s->last_used, now, memory_order_relaxed);
}

/* HT_FOLD_TICK samples more; takes a step if one is due. Not between enter and leave, and with no
 * lock held. */
void ht_fold_tick(void);

/* Exact mode was asked for: nothing is folded from now on, for good. Before the rate is published:
 * its samples do not announce themselves. */
void ht_fold_stop(void);
bool ht_fold_stopped(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Folding bounds the region. A site is idle when none of its objects is alive. A site that has been
 * idle for long is added to the sums of struct ht_folded, and its record is reused; so is the
 * record of a stack without sites. In exact mode (rate 1) nothing is folded.
 *
 * A sample announces itself while it has references to sites or stacks (ht_fold_enter,
 * ht_fold_leave). Every sixteenth sample or so does a step: it looks at 256 records at most. A pass
 * over all records takes each record one stage further:
 *   1. a site that has been idle for long is detached: new samples do not find it;
 *   2. in the next pass no sample can have a reference to it. If it is still idle, it is added to
 *      the next version of the sums, which readers use from the end of the pass on, and is taken
 *      out of its stack's list;
 *   3. in the pass after that it is cleared and put into the free list. Until then a reader that
 *      began with an older version finds it complete.
 * A stack is detached in the pass after its last site was taken out, and put into a free list in
 * the pass after that one.
 */
#ifndef HEAPTAP_SRC_TARGET_TABLES_FOLD_H
#define HEAPTAP_SRC_TARGET_TABLES_FOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "target/state/state.h"
#include "target/tables/counters.h"

/* Code at a rate above 1 that has references to sites or stacks, and no live object there, runs
 * between these two. The result of ht_fold_enter is passed to ht_fold_leave. *due: ht_fold_tick
 * must be called after that. Any thread; signal-safe; lock-free. */
static inline struct ht_fold_count *ht_fold_enter(bool *due)
{
    struct ht_fold *f = &ht_state->fold;
    struct ht_fold_count *c =
        &f->stripes[ht_tls.thread_slot % HT_FOLD_STRIPES]
             .by_parity[atomic_load_explicit(&f->parity, memory_order_relaxed) & 1];
    /* Sequentially consistent: later loads of this thread are not older than this count. */
    *due = !(atomic_fetch_add(&c->entered, 1) % HT_FOLD_TICK);
    return c;
}

static inline void ht_fold_leave(struct ht_fold_count *c)
{
    _Atomic uint32_t *left = &c->left;
    if (ht_own_total_cell(ht_tls.thread_slot)) {
        left = &c->own_left;
#ifndef __SANITIZE_THREAD__ /* which does not know that this is a release */
        /* One instruction, because a signal handler on this thread may count here too. On x86-64
         * stores become visible in their order. A locked instruction costs some 20 cycles more. */
        __asm__ volatile("incl %0" : "+m"(*left) : : "cc", "memory");
        return;
#endif
    }
    atomic_fetch_add_explicit(left, 1, memory_order_release);
}

/* Notes that a sample came to the site, whose rate is above 1. Between enter and leave. */
static inline void ht_fold_touch(struct ht_site *s)
{
    uint32_t now = atomic_load_explicit(&ht_state->fold.clock, memory_order_relaxed);
    if (atomic_load_explicit(&s->last_used, memory_order_relaxed) != now)
        atomic_store_explicit(&s->last_used, now, memory_order_relaxed);
}

/* Counts HT_FOLD_TICK samples, and takes a step unless another thread does. Not between enter and
 * leave, and with no lock held. */
void ht_fold_tick(void);

/* Ends folding for good, because exact mode was asked for. To be called before the rate is
 * published, because samples in exact mode do not announce themselves. */
void ht_fold_stop(void);
bool ht_fold_stopped(void);

#endif

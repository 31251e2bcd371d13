/* SPDX-License-Identifier: MIT */
/*
 * How it is known that no thread has a reference to a detached record: as in sleepable RCU, but
 * nobody waits. Each sample counts when it begins and when it ends, under one of two parities. A
 * sample that began before the end of a pass may have references to what that pass detached. So
 * between two passes:
 *   1. when all samples of the other parity have ended, new samples get that parity;
 *   2. when all samples of the old parity have ended too, the next pass may begin.
 * Each of the two is only looked at again with a later step.
 */
#include "config.h"

#include "target/tables/fold.h"

#include <string.h>

#include "region/yield_point.h"
#include "target/state/lock.h"
#include "target/tables/records.h"
#include "target/tables/stacks.h"
#include "target/tables/writer.h"

enum { RECORDS = 256 }; /* a step */

static _Atomic uint32_t stopped; /* inherited by forked children */

static struct ht_fold *fold(void)
{
    return &ht_state->fold;
}

/* Whether all samples of a parity have ended. The ends are read first, so a sample that begins
 * meanwhile makes the sums differ. */
static bool none_of(uint32_t parity)
{
    struct ht_fold *f = fold();
    uint32_t left = 0, entered = 0;
    for (unsigned i = 0; i < HT_FOLD_STRIPES; i++)
        left += atomic_load(&f->stripes[i].by_parity[parity & 1].left) +
                atomic_load(&f->stripes[i].by_parity[parity & 1].own_left);
    HT_YIELD_POINT(FOLD);
    for (unsigned i = 0; i < HT_FOLD_STRIPES; i++)
        entered += atomic_load(&f->stripes[i].by_parity[parity & 1].entered);
    return left == entered;
}

/* Nothing that was allocated at the site lives. The freed count is read first: an object that is
 * freed between the two loads is counted as allocated, and the site is taken for busy. */
static bool is_idle(const struct ht_site *s)
{
    uint32_t freed = atomic_load_explicit(&s->freed_count, memory_order_acquire);
    if (freed != atomic_load_explicit(&s->alloc_count, memory_order_acquire))
        return false;
    if (!s->peak)
        return true;
    /* At the last peak the site must have held nothing either. */
    const struct ht_peak *peak = ht_at(s->peak);
    return atomic_load_explicit(&peak->epoch, memory_order_acquire) !=
               atomic_load_explicit(&ht_state->header->peak_epoch, memory_order_acquire) ||
           !atomic_load_explicit(&peak->bytes, memory_order_relaxed);
}

static bool is_folded(const struct ht_site *s)
{
    return s->rate != 1 && atomic_load_explicit(&s->folded_in, memory_order_relaxed);
}

/* Takes folded sites out of their stack's list. Each site of the list uses up one of *left. False:
 * the step is used up but for one, and the next step goes on behind `f->site`. No other code
 * changes a list except by setting a new head. */
static bool leave_stack(struct ht_stack *stack, uint32_t *left)
{
    struct ht_fold *f = fold();
    for (ht_ref at;; --*left) {
        _Atomic ht_ref *link = f->site ? &((struct ht_site *)ht_at(f->site))->next : &stack->sites;
        if (!(at = atomic_load_explicit(link, memory_order_acquire)))
            break;
        if (*left == 1)
            return false;
        struct ht_site *s = ht_at(at);
        if (!is_folded(s)) {
            f->site = at;
            continue;
        }
        ht_ref next = atomic_load_explicit(&s->next, memory_order_relaxed);
        HT_YIELD_POINT(FOLD);
        if (f->site)
            atomic_store_explicit(link, next, memory_order_release);
        else if (!atomic_compare_exchange_strong_explicit(link, &at, next, memory_order_acq_rel,
                                                          memory_order_relaxed))
            continue; /* there is a new head */
    }
    f->site = 0;
    return true;
}

static uint32_t class_of(uint64_t size)
{
    uint32_t c = size < 16 ? 0 : 60 - (uint32_t)__builtin_clzll(size);
    return c < HT_FOLDED_CLASSES ? c : HT_FOLDED_CLASSES - 1;
}

static uint64_t load(const _Atomic uint64_t *n)
{
    return atomic_load_explicit(n, memory_order_relaxed);
}

/* Adds the site to the version of the sums that is being made. */
static void take_in(struct ht_site *s, uint32_t version)
{
    struct ht_fold *f = fold();
    /* Its stack comes later in this pass, and loses the site then. A stack that is detached already
     * is released in the pass after the next, because until then readers find it through the site.
     */
    struct ht_stack *stack = ht_at(atomic_load_explicit(&s->stack, memory_order_relaxed));
    bool detached = atomic_load_explicit(&stack->commit, memory_order_relaxed) == HT_DETACHED;
    uint32_t pass = atomic_load_explicit(&ht_fold_passes, memory_order_relaxed);
    atomic_store_explicit(&stack->last_used, pass + detached, memory_order_relaxed);
    struct ht_fold_sums *sums = &f->next[class_of(s->size_low)];
    sums->objects += load(&s->own.alloc_objects);
    sums->bytes += load(&s->own.alloc_bytes);
    sums->object_fraction += load(&s->fractions[0]);
    sums->byte_fraction += load(&s->fractions[1]);
    sums->samples += atomic_load_explicit(&s->alloc_count, memory_order_relaxed);
    f->stamped++;
    HT_YIELD_POINT(FOLD);
    atomic_store_explicit(&s->folded_in, version, memory_order_relaxed);
}

static void look_at_site(struct ht_site *s, ht_ref ref)
{
    struct ht_fold *f = fold();
    uint32_t commit = atomic_load_explicit(&s->commit, memory_order_acquire);
    if ((commit != HT_COMMITTED && commit != HT_DETACHED) || s->rate == 1 ||
        s->rate == HT_RATE_MAPPING)
        return;
    uint32_t version = atomic_load_explicit(&ht_state->header->fold_version, memory_order_relaxed),
             folded = atomic_load_explicit(&s->folded_in, memory_order_relaxed);
    if (folded) {
        if ((int32_t)(version - folded) > 0)
            ht_site_release(ref);
        return;
    }
    if (!is_idle(s))
        return;
    if (commit == HT_DETACHED)
        take_in(s, version + 1);
    else if (atomic_load_explicit(&f->clock, memory_order_relaxed) -
                 atomic_load_explicit(&s->last_used, memory_order_relaxed) >=
             f->unused)
        atomic_store_explicit(&s->commit, HT_DETACHED, memory_order_release);
}

/* False: the step is used up before all of the stack's list was walked. */
static bool look_at_stack(struct ht_stack *s, ht_ref ref, uint32_t *left)
{
    uint32_t commit = atomic_load_explicit(&s->commit, memory_order_acquire),
             pass = atomic_load_explicit(&ht_fold_passes, memory_order_relaxed);
    if (commit != HT_COMMITTED && commit != HT_DETACHED)
        return true;
    int32_t unused = (int32_t)(pass - atomic_load_explicit(&s->last_used, memory_order_relaxed));
    if (unused < 1 && !leave_stack(s, left))
        return false;
    if (atomic_load_explicit(&s->sites, memory_order_acquire) || unused < 1)
        return true;
    if (commit == HT_DETACHED) {
        ht_stack_release(ref);
    } else if (ht_stack_detach(ref)) {
        atomic_store_explicit(&s->last_used, pass, memory_order_relaxed);
    }
    return true;
}

/* Looks at up to RECORDS records of a kind. True: it was the last of them. */
static bool walk(enum ht_chunk_kind kind)
{
    struct ht_fold *f = fold();
    uint32_t n = atomic_load_explicit(&ht_state->header->n_chunks, memory_order_acquire),
             size = ht_kind_size(kind);
    for (uint32_t left = RECORDS; left && f->chunk < n; left--) {
        uint64_t at = HT_HEADER_SIZE + (uint64_t)f->chunk * HT_CHUNK_SIZE;
        const struct ht_chunk *c = (const struct ht_chunk *)(ht_state->base + at);
        if (atomic_load_explicit(&c->kind, memory_order_acquire) != (uint32_t)kind ||
            f->index >= ht_chunk_records(c, kind)) {
            f->chunk++;
            f->index = 0;
            continue;
        }
        at += sizeof *c + (uint64_t)f->index++ * size;
        if (atomic_load_explicit(&f->child, memory_order_relaxed))
            continue;
        if (kind == HT_KIND_SITE)
            look_at_site((struct ht_site *)(ht_state->base + at), (ht_ref)(at / 8));
        else if (!look_at_stack((struct ht_stack *)(ht_state->base + at), (ht_ref)(at / 8),
                                &left)) {
            f->index--;
            return false;
        }
    }
    return f->chunk >= n;
}

static void add_to(_Atomic uint64_t *to, const _Atomic uint64_t *from, uint64_t n)
{
    atomic_store_explicit(to, load(from) + n, memory_order_relaxed);
}

/* Makes the next version of the sums the one that readers use. */
static void publish(void)
{
    struct ht_fold *f = fold();
    struct ht_region_header *h = ht_state->header;
    uint32_t version = atomic_load_explicit(&h->fold_version, memory_order_relaxed);
    struct ht_folded *all = (struct ht_folded *)(ht_state->base + HT_FOLDED_OFFSET),
                     *from = all + (version & 1) * HT_FOLDED_CLASSES,
                     *to = all + (~version & 1) * HT_FOLDED_CLASSES;
    for (unsigned i = 0; i < HT_FOLDED_CLASSES; i++) {
        const struct ht_fold_sums *n = &f->next[i];
        add_to(&to[i].objects, &from[i].objects, n->objects);
        add_to(&to[i].object_fraction, &from[i].object_fraction, n->object_fraction);
        add_to(&to[i].bytes, &from[i].bytes, n->bytes);
        add_to(&to[i].byte_fraction, &from[i].byte_fraction, n->byte_fraction);
        add_to(&to[i].samples, &from[i].samples, n->samples);
    }
    HT_YIELD_POINT(FOLD);
    atomic_store_explicit(&h->fold_version, version + 1, memory_order_release);
    ht_count(&h->folded_sites, f->stamped);
    memset(f->next, 0, sizeof f->next);
    f->stamped_before = f->stamped;
    f->stamped = 0;
}

/* Whether there are so few sites and stacks that no pass is due, however little is alive. */
static bool are_few(void)
{
    struct ht_fold *f = fold();
    return atomic_load_explicit(&f->sites, memory_order_relaxed) <= ht_config.fold / 2 &&
           atomic_load_explicit(&f->stacks, memory_order_relaxed) <= ht_config.fold / 2;
}

static uint64_t live_samples(void)
{
    const struct ht_total_cell *cells =
        (const struct ht_total_cell *)(ht_state->base + HT_TOTALS_OFFSET);
    uint64_t live = 0;
    for (unsigned i = 0; i < HT_TOTAL_CELLS; i++)
        live += load(&cells[i].own.alloc_samples) - load(&cells[i].own.freed_samples) +
                load(&cells[i].shared.alloc_samples) - load(&cells[i].shared.freed_samples);
    return (int64_t)live < 0 ? 0 : live;
}

/* Begins a pass if there is a reason to, and its time has come. */
static void begin(uint32_t clock)
{
    struct ht_fold *f = fold();
    uint64_t bound = ht_config.fold_fixed ? 0 : 4 * live_samples();
    if (bound < ht_config.fold)
        bound = ht_config.fold;
    if (bound > 1u << 30)
        bound = 1u << 30;
    uint64_t most = bound / 2;
    if ((atomic_load_explicit(&f->sites, memory_order_relaxed) <= most &&
         atomic_load_explicit(&f->stacks, memory_order_relaxed) <= most) ||
        clock - f->began < bound / 8)
        return;
    f->began = clock;
    f->unused = (uint32_t)most;
    f->chunk = f->index = 0;
    HT_STORE_RELAXED(f->stage, HT_FOLD_WALK_SITES);
    atomic_fetch_add_explicit(&ht_fold_passes, 1, memory_order_relaxed);
}

static void step(uint32_t clock)
{
    struct ht_fold *f = fold();
    uint32_t parity = atomic_load_explicit(&f->parity, memory_order_relaxed);
    switch ((enum ht_fold_stage)f->stage) {
    case HT_FOLD_WAIT_OTHER:
        if (are_few() || !none_of(parity + 1))
            return;
        atomic_store(&f->parity, parity + 1);
        HT_STORE_RELAXED(f->stage, HT_FOLD_WAIT_OLD);
        return;
    case HT_FOLD_WAIT_OLD:
        if (!are_few() && none_of(parity + 1))
            begin(clock);
        return;
    case HT_FOLD_WALK_SITES:
        if (walk(HT_KIND_SITE)) {
            f->chunk = f->index = 0;
            HT_STORE_RELAXED(f->stage, HT_FOLD_WALK_STACKS);
        }
        return;
    case HT_FOLD_WALK_STACKS:
        if (!walk(HT_KIND_STACK))
            return;
        /* A signal handler forked during this step, and this is the child. */
        if (atomic_load_explicit(&f->child, memory_order_relaxed))
            return;
        if (f->stamped || f->stamped_before)
            publish();
        HT_STORE_RELAXED(f->stage, HT_FOLD_WAIT_OTHER);
        /* A sample that begins after none_of has looked sees what was detached. */
        atomic_thread_fence(memory_order_seq_cst);
        return;
    }
}

static bool may_step(void)
{
    return ht_config.fold && !atomic_load(&stopped) && !atomic_load(&ht_state->dump_busy) &&
           !atomic_load_explicit(&fold()->child, memory_order_relaxed);
}

void ht_fold_tick(void)
{
    struct ht_fold *f = fold();
    uint32_t clock =
        atomic_fetch_add_explicit(&f->clock, HT_FOLD_TICK, memory_order_relaxed) + HT_FOLD_TICK;
    if (atomic_load_explicit(&f->busy, memory_order_relaxed) ||
        !ht_try_lock(&f->busy, HT_RANK_FOLD))
        return;
    if (may_step())
        step(clock);
    ht_unlock(&f->busy, HT_RANK_FOLD);
}

void ht_fold_stop(void)
{
    atomic_store(&stopped, 1);
}

bool ht_fold_stopped(void)
{
    return atomic_load(&stopped);
}

/* SPDX-License-Identifier: MIT */
/*
 * A sampled allocation begins when a thread's countdown has expired; then the caller allocates;
 * then it is committed or aborted. In between the thread is guarded: an allocation by a signal
 * handler on it is not sampled, and is counted as lost. The free of a sampled block is here, too.
 */
#include "config.h"

#include "target/hooks/sampled.h"

#include <errno.h>

#include "target/allocator/backend.h"
#include "target/allocator/place.h"
#include "target/labels/labels.h"
#include "target/os/libc.h"
#include "target/process/adopt.h"
#include "target/process/dump.h"
#include "target/process/fork_inside.h"
#include "target/sampler/account.h"
#include "target/sampler/rate.h"
#include "target/sampler/temporary.h"
#include "target/stack/module.h"
#include "target/state/clock.h"
#include "target/state/state.h"
#include "target/tables/fold.h"
#include "target/tables/writer.h"

static void account_one(void *p, const struct ht_record *record)
{
    ht_place_removed(p);
    ht_free_account(record);
}

void ht_drain(void)
{
    ht_live_drain(account_one);
}

static __attribute__((noinline)) void release_last(void)
{
    if (!ht_forked())
        ht_drain();
    if (atomic_load_explicit(&ht_fork_unfinished, memory_order_relaxed))
        ht_fork_finish();
}

static inline void release(struct ht_tls *t)
{
    bool more =
        ht_live_pending() || (atomic_load_explicit(&ht_fork_unfinished, memory_order_relaxed) != 0);
    if (HT_UNLIKELY(more) && t->reentrancy_depth == 1)
        release_last();
    t->reentrancy_depth--;
}

void ht_guard_release(void)
{
    release(&ht_tls);
}

/*
 * Exact mode: detects a signal handler that allocated between our countdown and
 * reentrancy_depth++. The handler saw the wrapped countdown and went unrecorded. xadd undoes our
 * own subtraction in one instruction; a remainder is the handler's.
 */
static inline void count_between(struct ht_tls *t, uint64_t charge)
{
    uint64_t left = charge;
    __asm__ volatile("xadd %0, %1" : "+r"(left), "+m"(t->bytes_until_sample) : : "cc");
    if (HT_UNLIKELY(left + charge != 0))
        ht_lose(HT_LOSS_REENTRANT);
}

/* In a forked child, or one without a region: makes it, if there is to be one. */
static __attribute__((noinline)) bool has_region(void)
{
    if (ht_forked())
        ht_postfork_child();
    return ht_active();
}

bool ht_new_sample_begin(struct ht_new_sample *sample, size_t size, uint64_t pc, uint64_t sp,
                         uint64_t bp)
{
    struct ht_tls *t = &ht_tls;
    if (HT_UNLIKELY(t->reentrancy_depth)) {
        /* A signal handler, or the allocator calls itself. `bytes_until_sample` has wrapped; if
         * it stayed so, the thread would not be sampled again. */
        if (ht_backend_ready() && atomic_load(&ht_rate) && (t->rate || !t->ready))
            ht_lose(HT_LOSS_REENTRANT);
        ht_temporary_missed();
        if (t->rate)
            ht_reset_countdown(t);
        return false;
    }
    if (HT_UNLIKELY(!t->ready || !t->rate || !ht_state)) {
        ht_temporary_missed();
        if (!ht_backend_ready() || !ht_state) {
            t->bytes_until_sample = 0;
            return false;
        }
        t->reentrancy_depth = 1;
        if (!t->ready)
            ht_thread_setup(t);
        else
            ht_reset_countdown(t);
        t->reentrancy_depth = 0;
        uint64_t step = (uint64_t)size + 1, left = t->bytes_until_sample;
        t->bytes_until_sample = left - step;
        if (left >= step)
            return false;
        if (!t->rate) {
            t->bytes_until_sample = HT_DORMANT_COUNTDOWN;
            return false;
        }
    }
    t->reentrancy_depth = 1;
    if (HT_UNLIKELY(!atomic_load_explicit(&ht_rate, memory_order_relaxed))) {
        ht_temporary_missed();
        ht_reset_countdown(t);
        release(t);
        return false;
    }
    if (t->rate == 1)
        count_between(t, (uint64_t)size + 1);
    sample->rate = t->rate;
    /* Drawn at once, because a handler's allocations inside the hook count down too, and one
     * that would be a sample is counted as lost. */
    ht_reset_countdown(t);
    if (HT_UNLIKELY(!ht_region_is_own()) && !has_region()) {
        ht_lose(HT_LOSS_FULL);
        release(t);
        return false;
    }
    /* A placed block must get its record, so the node is reserved first. */
    sample->place = atomic_load_explicit(&ht_aligned, memory_order_relaxed);
    sample->node = 0;
    sample->recyclable = false;
    if (sample->place)
        ht_place_try_reopen_mask();
    if (sample->place && !(sample->node = ht_live_reserve())) {
        ht_lose(HT_LOSS_FULL);
        ht_temporary_missed();
        release(t);
        return false;
    }
    sample->saved_errno = *ht_errno();
    sample->regs.pc = pc;
    sample->regs.sp = sp;
    sample->regs.bp = bp;
    sample->size = size;
    return true;
}

void *ht_new_sample_place(struct ht_new_sample *sample, size_t align)
{
    if (!sample->place)
        return NULL;
    void *p = ht_place(sample->size, align, &sample->recyclable);
    if (!p)
        errno = sample->saved_errno;
    return p;
}

/* Returns 0 when a handler has forked since the record was taken, and this is the child with its
 * own region. */
static ht_ref current_site(const struct ht_record *r)
{
    return r->generation == atomic_load_explicit(&ht_region_generation, memory_order_relaxed)
               ? r->site
               : 0;
}

void ht_free_account(const struct ht_record *r)
{
    struct ht_tls *t = &ht_tls;
    t->reentrancy_depth++; /* a handler that forks leaves the region in place */
    if (current_site(r) && ht_active()) {
        ht_account(ht_at(r->site), r->size, false);
        if (HT_UNLIKELY(r->temporary)) {
            ht_temporary_count(r->size);
            t->last_block = 0;
        }
    }
    release(t);
}

static __attribute__((noinline)) ht_ref account_where_sites_fold(const struct ht_new_sample *sample)
{
    bool due;
    struct ht_fold_count *entered = ht_fold_enter(&due);
    ht_ref ref = ht_site_of(&sample->regs, sample->size, sample->rate, ht_labels_now());
    if (ref) {
        ht_fold_touch(ht_at(ref));
        ht_account_allocated(ht_at(ref), sample->size);
    }
    ht_fold_leave(entered);
    if (HT_UNLIKELY(due))
        ht_fold_tick();
    return ref;
}

static void record_sample(struct ht_new_sample *sample, void *p)
{
    ht_tls.lock_refused = 0;
    ht_module_record_main();
    ht_ref ref;
    if (sample->rate == 1) {
        ref = ht_site_of(&sample->regs, sample->size, 1, ht_labels_now());
        if (ref)
            ht_account(ht_at(ref), sample->size, true);
    } else {
        ref = account_where_sites_fold(sample);
    }
    if (HT_UNLIKELY(!ref)) {
        ht_lose(ht_tls.lock_refused ? HT_LOSS_BUSY : HT_LOSS_FULL);
        ht_temporary_missed();
    }
    /* A node without a site is still inserted, because a placed block's free must stay unsized. */
    struct ht_record stale;
    uint32_t time = ref ? ht_seconds_since_start() : 0;
    ht_place_added(p);
    while (!(sample->node =
                 ht_live_insert(sample->node, p, sample->size, ref,
                                time | (sample->recyclable ? HT_NODE_RECYCLABLE : 0), &stale))) {
        /* A placed block must be in the table, or a sized delete would free it in the wrong
         * class. No other thread has the block yet: only its shard is contended, by a thread
         * that was preempted while it held the lock. The wait was counted once, and is not
         * counted again. */
        if (sample->place && (sample->node = ht_live_reserve()))
            continue;
        /* It could not be inserted: the sample is taken back, or its site would count it as live
         * forever. */
        if (ref)
            ht_account(ht_at(ref), sample->size, false);
        ht_place_removed(p);
        ht_lose(HT_LOSS_BUSY);
        ht_temporary_missed();
        return;
    }
    if (stale.found) {
        ht_place_removed(p);
        ht_free_account(&stale);
        if (stale.site)
            ht_lose(HT_LOSS_STALE);
    }
    if (ref && HT_UNLIKELY(ht_state->peak_or_growth)) {
        ht_note_peak();
        ht_temporary_allocated(sample->node);
    }
}

void *ht_new_sample_commit(struct ht_new_sample *sample, void *p)
{
    struct ht_tls *t = &ht_tls;
    if (p) {
        record_sample(sample, p);
        ht_dump_if_due();
        *ht_errno() = sample->saved_errno;
    } else if (sample->node) {
        ht_live_unreserve(sample->node);
    }
    release(t);
    return p;
}

void ht_new_sample_abort(struct ht_new_sample *sample)
{
    if (sample->node)
        ht_live_unreserve(sample->node);
    release(&ht_tls);
}

/* Guarded. 0, -ENOENT, -EBUSY as ht_live_take. */
static inline int remove_live(void *p, struct ht_record *out)
{
    if (HT_UNLIKELY(ht_forked())) {
        ht_postfork_child();
        if (ht_forked()) {
            ht_live_remember(p); /* this thread was interrupted while it adopts */
            out->found = false;
            return -EBUSY;
        }
    }
    int r = ht_live_take(p, out);
    if (!r)
        ht_place_removed(p);
    return r;
}

bool ht_free_begin(void *p, struct ht_record *out)
{
    out->found = false;
    if (HT_LIKELY(!ht_live_maybe(p)))
        return false;
    struct ht_tls *t = &ht_tls;
    t->reentrancy_depth++;
    bool temporary = HT_UNLIKELY(t->last_block) && ht_temporary_is_last(p);
    int r = remove_live(p, out);
    out->temporary = temporary;
    if (HT_UNLIKELY(temporary) && r == -EBUSY) /* it is not found out for the caller */
        ht_temporary_freed(p);
    if (HT_UNLIKELY(t->last_block) && !temporary)
        ht_temporary_missed();
    release(t);
    return r != -ENOENT;
}

enum ht_freed ht_free_sampled(void *p)
{
    struct ht_record record;
    struct ht_tls *t = &ht_tls;
    t->reentrancy_depth++;
    ht_temporary_freed(p);
    int r = remove_live(p, &record);
    if (HT_UNLIKELY(r == -ENOENT)) {
        ht_place_freed_twice(p);
        release(t);
        return HT_FREED_NOT_OURS;
    }
    /* An inert child has no region. */
    if (record.found && current_site(&record) && ht_activity() == HT_ACTIVE)
        ht_account(ht_at(record.site), record.size, false);
    bool recycled = record.found && (record.time & HT_NODE_RECYCLABLE) && ht_place_recycle(p);
    release(t);
    return recycled ? HT_FREED_RECYCLED : HT_FREED_UNSIZED;
}

void ht_free_those(bool (*which)(const void *p, void *ctx), void *ctx)
{
    struct ht_tls *t = &ht_tls;
    t->reentrancy_depth++;
    ht_temporary_missed();
    ht_place_release();
    if (HT_UNLIKELY(ht_forked()))
        ht_postfork_child();
    if (!ht_forked())
        ht_live_take_those(which, ctx, account_one);
    release(t);
}

size_t ht_usable_placed(const void *p, size_t real)
{
    uint64_t asked;
    struct ht_tls *t = &ht_tls;
    t->reentrancy_depth++;
    if (HT_UNLIKELY(ht_forked()))
        ht_postfork_child();
    bool found = !ht_forked() && ht_live_size(p, &asked);
    release(t);
    if (!found || asked > HT_PLACED_ASKED)
        return real;
    size_t usual = ht_good_size(asked);
    return usual < real ? usual : real;
}

void ht_free_undo(void *p, const struct ht_record *r)
{
    struct ht_tls *t = &ht_tls;
    t->reentrancy_depth++;
    struct ht_record stale;
    uint32_t node = ht_live_reserve();
    ht_place_added(p);
    if (!node || !(node = ht_live_insert(node, p, r->size, current_site(r), r->time, &stale))) {
        ht_place_removed(p);
        ht_free_account(r);
        ht_lose(HT_LOSS_FULL);
    } else if (HT_UNLIKELY(r->temporary)) {
        ht_temporary_allocated(node);
    }
    release(t);
}

uint32_t ht_hold_reserve(void)
{
    struct ht_tls *t = &ht_tls;
    t->reentrancy_depth++;
    uint32_t node = ht_live_reserve();
    release(t);
    return node;
}

void ht_hold_end(uint32_t node, void *p, uint64_t size, uint32_t recyclable)
{
    if (!node)
        return;
    struct ht_tls *t = &ht_tls;
    struct ht_record stale;
    t->reentrancy_depth++;
    if (!p) {
        ht_live_unreserve(node);
    } else {
        while (node && !ht_live_insert(node, p, size, 0, recyclable, &stale))
            node = ht_live_reserve();
    }
    release(t);
}

void ht_new_sample_stays(struct ht_new_sample *sample, uint32_t node, uint32_t recyclable)
{
    sample->recyclable = recyclable != 0;
    sample->place = true;
    if (sample->node)
        ht_live_unreserve(node);
    else
        sample->node = node;
}

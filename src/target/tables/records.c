/* SPDX-License-Identifier: MIT */
/* Records that were folded are reused first; when there is none, the region grows. */
#include "config.h"

#include "target/tables/records.h"

#include <string.h>

#include "region/yield_point.h"
#include "target/tables/free_list.h"
#include "target/tables/writer.h"

_Atomic uint32_t ht_fold_passes;

#define SITE_LINK  offsetof(struct ht_site, stack)
#define STACK_LINK offsetof(struct ht_stack, next)

static struct ht_fold *fold(void)
{
    return &ht_state->fold;
}

/* The free list for stacks of that many frames: list i has those with room for 4 * i frames. */
static uint32_t list_of(uint32_t n_frames)
{
    return (n_frames + 3) / 4;
}

ht_ref ht_site_record(void)
{
    struct ht_fold *f = fold();
    ht_ref ref = ht_free_list_pop(&f->free_sites, SITE_LINK);
    if (!ref && !(ref = ht_record_new(HT_KIND_SITE)))
        return 0;
    atomic_fetch_add_explicit(&f->sites, 1, memory_order_relaxed);
    return ref;
}

ht_ref ht_stack_record(uint32_t n_frames)
{
    struct ht_fold *f = fold();
    ht_ref ref = ht_free_list_pop(&f->free_stacks[list_of(n_frames)], STACK_LINK);
    if (!ref && !(ref = ht_record_new(HT_KIND_STACK)))
        return 0;
    atomic_fetch_add_explicit(&f->stacks, 1, memory_order_relaxed);
    return ref;
}

/* Clears the record, except for the place of its peak, and the pass in which it was made (adopt.c).
 * Other threads may still read `commit` through a hint, and `stack` after a lost race for this
 * record in the free list. */
void ht_site_release(ht_ref ref)
{
    struct ht_site *s = ht_at(ref);
    struct ht_fold *f = fold();
    atomic_store_explicit(&s->commit, 0, memory_order_release);
    HT_YIELD_POINT(FOLD);
    atomic_store_explicit(&s->next, 0, memory_order_relaxed);
    s->stack_hash = s->size_low = s->rate = 0;
    atomic_store_explicit(&s->last_used, 0, memory_order_relaxed);
    s->labels = 0;
    s->size_bits = s->flags = 0;
    atomic_store_explicit(&s->alloc_count, 0, memory_order_relaxed);
    atomic_store_explicit(&s->freed_count, 0, memory_order_relaxed);
    memset((void *)&s->own, 0, sizeof *s - offsetof(struct ht_site, own));
    if (s->peak)
        memset(ht_at(s->peak), 0, sizeof(struct ht_peak));
    /* last, so that a dump that began during this step skips the site until it is empty */
    atomic_store_explicit(&s->folded_in, 0, memory_order_release);
    atomic_fetch_sub_explicit(&f->sites, 1, memory_order_relaxed);
    ht_free_list_push(&f->free_sites, ref, SITE_LINK);
}

void ht_stack_release(ht_ref ref)
{
    struct ht_stack *s = ht_at(ref);
    struct ht_fold *f = fold();
    uint32_t list = list_of(s->n_frames);
    atomic_store_explicit(&s->commit, 0, memory_order_relaxed);
    HT_YIELD_POINT(FOLD);
    atomic_fetch_sub_explicit(&f->stacks, 1, memory_order_relaxed);
    ht_count(&ht_state->header->folded_stacks, 1);
    ht_free_list_push(&f->free_stacks[list], ref, STACK_LINK);
}

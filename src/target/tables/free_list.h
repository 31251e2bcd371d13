/* SPDX-License-Identifier: MIT */
/*
 * Records of the region that are free, in lists without locks. A list's head carries a tag against
 * ABA. The link is a field of the record that a free one does not need. Any thread, and signal
 * handlers.
 */
#ifndef HEAPTAP_SRC_TARGET_TABLES_FREE_LIST_H
#define HEAPTAP_SRC_TARGET_TABLES_FREE_LIST_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "region/yield_point.h"
#include "target/tables/writer.h"

/* The link of the record, at its offset in it. */
static inline _Atomic ht_ref *ht_free_link(ht_ref record, size_t link)
{
    return (_Atomic ht_ref *)((char *)ht_at(record) + link);
}

/* A record, or 0: the list is empty. Its link is left as it was. */
static inline ht_ref ht_free_list_pop(_Atomic uint64_t *list, size_t link)
{
    uint64_t head = atomic_load_explicit(list, memory_order_acquire);
    while ((ht_ref)head) {
        /* Of a record that is another thread's by now this reads anything: then the tag has
         * changed.
         */
        uint64_t next =
            ((head >> 32) + 1) << 32 |
            atomic_load_explicit(ht_free_link((ht_ref)head, link), memory_order_relaxed);
        HT_YIELD_POINT(FOLD);
        if (atomic_compare_exchange_weak_explicit(list, &head, next, memory_order_acquire,
                                                  memory_order_acquire))
            return (ht_ref)head;
    }
    return 0;
}

static inline void ht_free_list_push(_Atomic uint64_t *list, ht_ref record, size_t link)
{
    uint64_t head = atomic_load_explicit(list, memory_order_relaxed), next;
    do {
        atomic_store_explicit(ht_free_link(record, link), (ht_ref)head, memory_order_relaxed);
        next = ((head >> 32) + 1) << 32 | record;
        HT_YIELD_POINT(FOLD);
    } while (!atomic_compare_exchange_weak_explicit(list, &head, next, memory_order_release,
                                                    memory_order_relaxed));
}

#endif

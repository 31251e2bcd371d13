/* SPDX-License-Identifier: MIT */
/*
 * Lock-free lists of free records of the region. A list's head has a tag that changes with every
 * operation, against ABA. The link lies in a field of the record that a free record does not need.
 * Any thread; signal-safe; lock-free.
 */
#ifndef HEAPTAP_SRC_TARGET_TABLES_FREE_LIST_H
#define HEAPTAP_SRC_TARGET_TABLES_FREE_LIST_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "region/yield_point.h"
#include "target/tables/writer.h"

/* The link of a record: the field at that offset. */
static inline _Atomic ht_ref *ht_free_link(ht_ref record, size_t link)
{
    return (_Atomic ht_ref *)((char *)ht_at(record) + link);
}

/* Takes a record out of the list; 0: the list is empty. The record's link is left as it was. */
static inline ht_ref ht_free_list_pop(_Atomic uint64_t *list, size_t link)
{
    uint64_t head = atomic_load_explicit(list, memory_order_acquire);
    while ((ht_ref)head) {
        /* When another thread has taken this record meanwhile, the link may be anything; then the
         * tag has changed, and the CAS fails. */
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

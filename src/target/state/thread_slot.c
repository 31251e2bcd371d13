/* SPDX-License-Identifier: MIT */
/*
 * A hash table from the address of a thread's TLS block to its number. Entries are never removed: a
 * block that is reused gets the same number again.
 */
#include "config.h"

#include "target/state/thread_slot.h"

#include "target/state/state.h"

/* Size of the table. A block that finds no place in it gets a new number each time. */
#define PLACES 1024u
#define NEAR   16u

#define NUMBER_BITS 16

uint32_t ht_thread_slot_of(const struct ht_tls *t)
{
    static _Atomic uint64_t places[PLACES]; /* address / 8 << NUMBER_BITS | number; CAS from 0 */
    static _Atomic uint32_t last;
    uint64_t place = (uint64_t)t >> 3, at = ht_mix(place);
    uint32_t fresh = 0;
    for (uint32_t i = 0; i < NEAR; i++) {
        _Atomic uint64_t *p = &places[(at + i) % PLACES];
        uint64_t seen = atomic_load_explicit(p, memory_order_relaxed);
        if (!seen) {
            if (!fresh)
                fresh = atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
            if (fresh >> NUMBER_BITS)
                break;
            if (atomic_compare_exchange_strong_explicit(p, &seen, place << NUMBER_BITS | fresh,
                                                        memory_order_relaxed, memory_order_relaxed))
                return fresh;
        }
        if (seen >> NUMBER_BITS == place)
            return (uint32_t)(seen & ((1u << NUMBER_BITS) - 1));
    }
    return fresh ? fresh : atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
}

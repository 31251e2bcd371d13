/* SPDX-License-Identifier: MIT */
/*
 * The sizes of a stack: the first few have a site each, the others share classes, so that a stack
 * has few sites however long the process runs. Values are each object's own in any case; a class
 * blurs the label "bytes" alone, which is its mean.
 */
#ifndef HEAPTAP_SRC_REGION_SIZE_CLASS_H
#define HEAPTAP_SRC_REGION_SIZE_CLASS_H

#include <stdbool.h>
#include <stdint.h>

/* Far below the rate all objects weigh about the same, and their sizes tell little: below this one.
 */
static inline uint64_t ht_small_sizes(uint64_t rate)
{
    return rate < 16 ? 0 : 1ull << (63 - __builtin_clzll(rate / 16));
}

/* How many sizes of one stack have a site of their own: of the small ones, and of the others. */
static inline uint32_t ht_single_sizes(bool small)
{
    return small ? 2 : 16;
}

/* The class of a size: from *low to *low + 2^*bits - 1. One a doubling; in exact mode four, as
 * allocators have. */
static inline void ht_size_class(uint64_t size, uint64_t rate, uint64_t *low, uint8_t *bits)
{
    if (size < 16) {
        *low = 0;
        *bits = 4;
        return;
    }
    *bits = (uint8_t)(63 - __builtin_clzll(size) - (rate == 1 ? 2 : 0));
    *low = size >> *bits << *bits;
}

#endif

/* SPDX-License-Identifier: MIT */
/* Blocks by address, and the words of memory that point into one. */
#ifndef HEAPTAP_SRC_LEAKS_INDEX_H
#define HEAPTAP_SRC_LEAKS_INDEX_H

#include "leaks/leaks.h"

/* Pointers may carry a tag in the 16 bits that addresses of user space do not use. */
#define HT_LEAK_ADDRESS ((1ull << 48) - 1)

#define HT_LEAK_PAGE_BITS 20 /* of the page's number: 128 KiB, which a core's cache holds */

#define HT_LEAK_SEVERAL UINT32_MAX

/* Pages are told by the lowest bits of their number: those 4 GiB apart share a bit. */
struct ht_leak_index {
    const struct ht_leak_block *block; /* by address */
    size_t n;
    uint64_t *reach;          /* of each block: the highest end of those up to it */
    uint64_t low[2], high[2]; /* two ranges that hold all blocks: heap and mappings lie far apart */
    uint64_t page[(1u << HT_LEAK_PAGE_BITS) / 64]; /* has some part of a block that is wanted */
    /* What lies on it: the only block's index + 1 in the low half, 0 where there is none, or
     * HT_LEAK_SEVERAL; then the first and the last 16 bytes of the page that it has, 8 bits each.
     */
    uint64_t only[1u << HT_LEAK_PAGE_BITS];
    bool avx2;
};

/* blocks: sorted, to outlive the index. NULL: out of memory. wanted (NULL: all) says which of them
 * are looked for. */
struct ht_leak_index *ht_leak_index_create(const struct ht_leak_block *block, size_t n,
                                           const bool *wanted, bool plain);
void ht_leak_index_destroy(struct ht_leak_index *x);

/* The places of words that may point into a block, into `at`, which has room for n. How many. */
size_t ht_leak_filter(const struct ht_leak_index *x, const uint64_t *words, size_t n, uint32_t *at);

/* Of n places of ht_leak_filter's, those of words that come closer; brings into the cache what
 * ht_leak_find needs for them. How many are left. */
size_t ht_leak_prepare(const struct ht_leak_index *x, const uint64_t *words, uint32_t *at,
                       size_t n);

/* The block that an address lies in, n when none does; below `before` alone, since blocks of which
 * one's end is not known yet overlap: ask again with the answer until it is n. */
size_t ht_leak_find(const struct ht_leak_index *x, uint64_t address, size_t before);

#endif

/* SPDX-License-Identifier: MIT */
/* An index of blocks by address, to find the words of memory that point into one. Read-only once it
 * is made. */
#ifndef HEAPTAP_SRC_LEAKS_INDEX_H
#define HEAPTAP_SRC_LEAKS_INDEX_H

#include "leaks/leaks.h"

/* Pointers may carry a tag in the 16 bits that addresses of user space do not use. */
#define HT_LEAK_ADDRESS ((1ull << 48) - 1)

#define HT_LEAK_SET_BITS  21 /* 256 KiB, which a core's cache holds beside what is read */
#define HT_LEAK_PAGE_BITS 20

struct ht_leak_index {
    const struct ht_leak_block *block; /* by address */
    size_t n;
    uint64_t *reach; /* of each block: the highest end of all blocks up to it */
    uint64_t low[2],
        high[2]; /* two ranges that contain all wanted blocks: the heap, and mappings */
    /* A bit for each unit of memory, 1 << shift bytes: set if a part of a wanted block lies there.
     * Units are known by the lowest bits of their numbers, those of `mask`. */
    unsigned shift;
    uint32_t mask;
    uint64_t set[(1u << HT_LEAK_SET_BITS) / 64];
    /* The block on each page; pages that lie 4 GiB apart share an entry. 30 bits: its index + 1, 0
     * for none, all for several. Two bits: the first, and the last, 16 bytes of the page that
     * belong to it do so as a whole. 8 bits each: where these are. 16 bits: the highest ones of the
     * page's number. */
    uint64_t only[1u << HT_LEAK_PAGE_BITS];
    uint8_t packed[256][8]; /* for AVX2: the places of the set bits of a number (set_packed) */
    bool avx2;
};

/* block: n of them, sorted by address; they must outlive the index. wanted: which of them to look
 * for (NULL: all). plain: without AVX2. NULL: out of memory. */
struct ht_leak_index *ht_leak_index_create(const struct ht_leak_block *block, size_t n,
                                           const bool *wanted, bool plain);
void ht_leak_index_destroy(struct ht_leak_index *x);

/* Stores in `at`, which has room for n, the positions of words that may point into a block. Returns
 * how many there are. */
size_t ht_leak_filter(const struct ht_leak_index *x, const uint64_t *words, size_t n, uint32_t *at);

/* Narrows n positions from ht_leak_filter down. Returns how many are left: few of them are wrong.
 */
size_t ht_leak_prepare(const struct ht_leak_index *x, const uint64_t *words, uint32_t *at,
                       size_t n);

/* The last block with an index below `before` that contains the address; x->n: there is none.
 * Blocks may overlap (a lost free leaves a record behind), so ask again with the answer as `before`
 * until it is x->n. */
size_t ht_leak_find(const struct ht_leak_index *x, uint64_t address, size_t before);

#endif

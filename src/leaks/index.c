/* SPDX-License-Identifier: MIT */
/*
 * Most words are no pointers, and most pointers do not point to a block of the index. Comparing a
 * word with two ranges, and then testing one bit for its page, rules out nearly all of them, four
 * at a time with AVX2. The others are looked up by their page, and by binary search where a page
 * has several blocks.
 */
#include "config.h"

#include "leaks/index.h"

#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_SHIFT   12
#define OVERLAPS_MAX 64 /* blocks over one address: only records whose frees were lost overlap */
#define PAGE_MASK    ((1u << HT_LEAK_PAGE_BITS) - 1)
#define OFFSET_MASK  4095ull

static uint64_t end_of(const struct ht_leak_block *b)
{
    return b->addr + (b->size ? b->size : 1);
}

/* With more pages than this all bits would be set, so pages are not marked one by one. */
#define MARKED_MAX (1u << 27)

/* Marks the pages of a block. Returns how many. */
static uint64_t mark_pages(struct ht_leak_index *x, size_t i, bool wanted)
{
    const struct ht_leak_block *b = &x->block[i];
    uint64_t first = b->addr >> PAGE_SHIFT, last = (end_of(b) - 1) >> PAGE_SHIFT;
    if (last - first > PAGE_MASK)
        last = first + PAGE_MASK;
    for (uint64_t p = first; p <= last; p++) {
        uint64_t *only = &x->only[p & PAGE_MASK];
        uint64_t from = p == first ? b->addr & OFFSET_MASK : 0;
        uint64_t upto = p == last ? (end_of(b) - 1) & OFFSET_MASK : OFFSET_MASK;
        *only = *only ? HT_LEAK_SEVERAL : (from >> 4) << 32 | (upto >> 4) << 40 | (i + 1);
        if (wanted)
            x->page[(p & PAGE_MASK) / 64] |= 1ull << (p % 64);
    }
    return last - first + 1;
}

/* Sets the two ranges, divided where the gap between neighbouring blocks is widest. */
static void set_ranges(struct ht_leak_index *x, const bool *wanted)
{
    uint64_t widest = 0, before = 0;
    size_t cut = 0;
    bool any = false;
    for (size_t i = 0; i < x->n; i++) {
        if (wanted && !wanted[i])
            continue;
        if (any && x->block[i].addr > before && x->block[i].addr - before > widest) {
            widest = x->block[i].addr - before;
            cut = i;
        }
        any = true;
        if (end_of(&x->block[i]) > before)
            before = end_of(&x->block[i]);
    }
    for (size_t i = 0; i < x->n; i++) {
        if (wanted && !wanted[i])
            continue;
        unsigned k = cut && i >= cut;
        if (!x->high[k])
            x->low[k] = x->block[i].addr;
        if (end_of(&x->block[i]) > x->high[k])
            x->high[k] = end_of(&x->block[i]);
    }
}

struct ht_leak_index *ht_leak_index_create(const struct ht_leak_block *block, size_t n,
                                           const bool *wanted, bool plain)
{
    struct ht_leak_index *x = calloc(1, sizeof *x);
    uint64_t reach = 0, marked = 0;
    if (!x || !(x->reach = malloc((n + 1) * sizeof *x->reach))) {
        free(x);
        return NULL;
    }
    x->block = block;
    x->n = n;
    x->avx2 = !plain && __builtin_cpu_supports("avx2");
    for (size_t i = 0; i < n; i++) {
        if (end_of(&block[i]) > reach)
            reach = end_of(&block[i]);
        x->reach[i] = reach;
        if (marked < MARKED_MAX)
            marked += mark_pages(x, i, !wanted || wanted[i]);
    }
    if (marked >= MARKED_MAX) {
        memset(x->page, 0xff, sizeof x->page);
        memset(x->only, 0xff, sizeof x->only);
    }
    set_ranges(x, wanted);
    return x;
}

void ht_leak_index_destroy(struct ht_leak_index *x)
{
    if (x)
        free(x->reach);
    free(x);
}

static bool on_page(const struct ht_leak_index *x, uint64_t address)
{
    uint64_t p = address >> PAGE_SHIFT;
    return x->page[(p & PAGE_MASK) / 64] >> (p % 64) & 1;
}

static size_t filter_plain(const struct ht_leak_index *x, const uint64_t *words, size_t from,
                           size_t n, uint32_t *at, size_t found)
{
    uint64_t low0 = x->low[0], span0 = x->high[0] - low0;
    uint64_t low1 = x->low[1], span1 = x->high[1] - low1;
    for (size_t i = from; i < n; i++) {
        uint64_t v = words[i] & HT_LEAK_ADDRESS;
        if ((v - low0 < span0 || v - low1 < span1) && on_page(x, v))
            at[found++] = (uint32_t)i;
    }
    return found;
}

/* Of the bits of a number up to 15, the places of those that are set, and how many are. */
static const uint32_t packed[16][5] = {
    {0},
    {0, 0, 0, 0, 1},
    {1, 0, 0, 0, 1},
    {0, 1, 0, 0, 2},
    {2, 0, 0, 0, 1},
    {0, 2, 0, 0, 2},
    {1, 2, 0, 0, 2},
    {0, 1, 2, 0, 3},
    {3, 0, 0, 0, 1},
    {0, 3, 0, 0, 2},
    {1, 3, 0, 0, 2},
    {0, 1, 3, 0, 3},
    {2, 3, 0, 0, 2},
    {0, 2, 3, 0, 3},
    {1, 2, 3, 0, 3},
    {0, 1, 2, 3, 4},
};

__attribute__((target("avx2"))) static size_t
filter_avx2(const struct ht_leak_index *x, const uint64_t *words, size_t n, uint32_t *at)
{
    const __m256i mask = _mm256_set1_epi64x((long long)HT_LEAK_ADDRESS);
    /* Addresses have 48 bits, so signed comparisons are correct. */
    const __m256i low0 = _mm256_set1_epi64x((long long)x->low[0] - 1);
    const __m256i high0 = _mm256_set1_epi64x((long long)x->high[0]);
    const __m256i low1 = _mm256_set1_epi64x((long long)x->low[1] - 1);
    const __m256i high1 = _mm256_set1_epi64x((long long)x->high[1]);
    size_t found = 0, i = 0;
    const __m256i word_of = _mm256_set1_epi64x((PAGE_MASK >> 6));
    for (; i + 4 <= n; i += 4) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(words + i));
        v = _mm256_and_si256(v, mask);
        __m256i in0 = _mm256_and_si256(_mm256_cmpgt_epi64(v, low0), _mm256_cmpgt_epi64(high0, v));
        __m256i in1 = _mm256_and_si256(_mm256_cmpgt_epi64(v, low1), _mm256_cmpgt_epi64(high1, v));
        __m256i in = _mm256_or_si256(in0, in1);
        if (_mm256_testz_si256(in, in))
            continue;
        /* The bits of four pages: bit p of word p / 64, moved to the sign. */
        __m256i p = _mm256_srli_epi64(v, PAGE_SHIFT);
        __m256i k = _mm256_and_si256(_mm256_srli_epi64(p, 6), word_of);
        __m256i bits = _mm256_i64gather_epi64((const long long *)x->page, k, 8);
        /* A shift to the left by 63 - p % 64, which is that of ~p. */
        __m256i left = _mm256_andnot_si256(p, _mm256_set1_epi64x(63));
        bits = _mm256_and_si256(_mm256_sllv_epi64(bits, left), in);
        unsigned hits = (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(bits));
        __m128i here = _mm_loadu_si128((const __m128i *)packed[hits]);
        here = _mm_add_epi32(here, _mm_set1_epi32((int)i));
        /* All four, without a branch: those behind the last one are written over. */
        _mm_storeu_si128((__m128i *)(at + found), here);
        found += packed[hits][4];
    }
    return filter_plain(x, words, i, n, at, found);
}

size_t ht_leak_filter(const struct ht_leak_index *x, const uint64_t *words, size_t n, uint32_t *at)
{
    return x->avx2 ? filter_avx2(x, words, n, at) : filter_plain(x, words, 0, n, at, 0);
}

/* The index + 1 of the only block that may contain an address; 0: none; or HT_LEAK_SEVERAL. */
static uint32_t only_at(const struct ht_leak_index *x, uint64_t address)
{
    uint64_t e = x->only[address >> PAGE_SHIFT & PAGE_MASK], at = (address & OFFSET_MASK) >> 4;
    bool there = (uint32_t)e == HT_LEAK_SEVERAL || (at >= (e >> 32 & 255) && at <= e >> 40);
    return there ? (uint32_t)e : 0;
}

/* The tables are larger than a core's cache, so entries are prefetched before they are read. */
size_t ht_leak_prepare(const struct ht_leak_index *x, const uint64_t *words, uint32_t *at, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        __builtin_prefetch(&x->only[(words[at[i]] & HT_LEAK_ADDRESS) >> PAGE_SHIFT & PAGE_MASK]);
    for (size_t i = 0; i < n; i++) {
        uint32_t only = only_at(x, words[at[i]] & HT_LEAK_ADDRESS);
        at[kept] = at[i];
        kept += only != 0;
        if (only && only != HT_LEAK_SEVERAL)
            __builtin_prefetch(&x->block[only - 1]);
    }
    return kept;
}

size_t ht_leak_find(const struct ht_leak_index *x, uint64_t address, size_t before)
{
    uint32_t only = only_at(x, address);
    if (only != HT_LEAK_SEVERAL) {
        const struct ht_leak_block *b = &x->block[only - 1];
        return only && only - 1 < before && address >= b->addr && address < end_of(b) ? only - 1
                                                                                      : x->n;
    }
    size_t low = 0, high = before < x->n ? before : x->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (x->block[middle].addr <= address)
            low = middle + 1;
        else
            high = middle;
    }
    unsigned looks = 0;
    for (size_t i = low; i-- > 0 && x->reach[i] > address && looks < OVERLAPS_MAX; looks++)
        if (address < end_of(&x->block[i]))
            return i;
    return x->n;
}

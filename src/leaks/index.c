/* SPDX-License-Identifier: MIT */
/*
 * Most words are no pointers, and most pointers do not point to a block of the index. Comparing a
 * word with two ranges, and then testing one bit of a set, rules out nearly all of them, eight at a
 * time with AVX2. The set is as fine as its size allows, because each word that it lets pass costs
 * as much as a hundred that it rules out. Those are looked up by their page, and by binary search
 * where a page has several blocks.
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

/* Bits of struct ht_leak_index, only. */
#define SEVERAL    ((1u << 30) - 1)
#define FROM_WHOLE (1u << 30)
#define UPTO_WHOLE (1u << 31)
enum { FROM_AT = 32, UPTO_AT = 40, TAG_AT = 48 };

static uint64_t end_of(const struct ht_leak_block *b)
{
    return b->addr + (b->size ? b->size : 1);
}

/* With more units or pages than this all bits would be set, so they are not marked one by one. */
#define MARKED_MAX (1u << 27)

/* Shifts. Two ranges are compared at UNIT_MOST too. */
enum { UNIT_LEAST = 9, UNIT_MOST = 16, UNITS = UNIT_MOST - UNIT_LEAST + 1 };

/* The units of a block that do not lie before *next, which is set behind them. */
struct units {
    uint64_t first, end;
};

static struct units take_units(const struct ht_leak_block *b, unsigned shift, uint64_t *next)
{
    struct units u = {b->addr >> shift, ((end_of(b) - 1) >> shift) + 1};
    u.first = u.first > *next ? u.first : *next;
    u.end = u.end > u.first ? u.end : u.first;
    *next = u.end;
    return u;
}

/* Chooses the smallest unit for which the set has eight bits for each unit in it. Returns how many
 * units there are. */
static uint64_t choose_unit(struct ht_leak_index *x, const bool *wanted)
{
    uint64_t units[UNITS] = {0}, next[UNITS] = {0};
    for (size_t i = 0; i < x->n; i++)
        for (unsigned k = 0; k < UNITS && (!wanted || wanted[i]); k++) {
            struct units u = take_units(&x->block[i], UNIT_LEAST + k, &next[k]);
            units[k] += u.end - u.first;
        }
    unsigned k = 0;
    while (k < UNITS - 1 && units[k] > (1u << HT_LEAK_SET_BITS) / 8)
        k++;
    x->shift = UNIT_LEAST + k;
    return units[k];
}

/* Makes the set, of up to 64 bits for each unit. */
static void make_set(struct ht_leak_index *x, const bool *wanted)
{
    uint64_t units = choose_unit(x, wanted), bits = 4096, next = 0;
    while (bits < 1u << HT_LEAK_SET_BITS && bits < 64 * units)
        bits *= 2;
    x->mask = (uint32_t)bits - 1;
    if (units >= MARKED_MAX) {
        memset(x->set, 0xff, sizeof x->set);
        return;
    }
    for (size_t i = 0; i < x->n; i++) {
        if (wanted && !wanted[i])
            continue;
        struct units of = take_units(&x->block[i], x->shift, &next);
        for (uint64_t u = of.first; u < of.end; u++)
            x->set[(u & x->mask) / 64] |= 1ull << (u % 64);
    }
}

/* What is known of a page that a block lies on. */
static uint64_t entry_of(const struct ht_leak_block *b, size_t i, uint64_t page)
{
    uint64_t start = page << PAGE_SHIFT, end = start + OFFSET_MASK + 1;
    uint64_t from = b->addr > start ? b->addr - start : 0;
    uint64_t upto = end_of(b) < end ? end_of(b) - start : end - start;
    uint64_t e = (page >> HT_LEAK_PAGE_BITS) << TAG_AT | ((upto - 1) >> 4) << UPTO_AT |
                 (from >> 4) << FROM_AT | (i + 1);
    return i + 1 < SEVERAL ? e | (from & 15 ? 0 : FROM_WHOLE) | (upto & 15 ? 0 : UPTO_WHOLE)
                           : SEVERAL;
}

/* Fills the table of pages in. A block of 4 GiB or more takes every entry. */
static void make_pages(struct ht_leak_index *x)
{
    uint64_t marked = 0;
    for (size_t i = 0; i < x->n && marked < MARKED_MAX; i++) {
        const struct ht_leak_block *b = &x->block[i];
        uint64_t first = b->addr >> PAGE_SHIFT, last = (end_of(b) - 1) >> PAGE_SHIFT;
        if (last - first > PAGE_MASK)
            marked = MARKED_MAX;
        for (uint64_t p = first; p <= last && marked < MARKED_MAX; p++, marked++) {
            uint64_t *only = &x->only[p & PAGE_MASK];
            *only = *only ? SEVERAL : entry_of(b, i, p);
        }
    }
    for (size_t i = 0; i <= PAGE_MASK && marked >= MARKED_MAX; i++)
        x->only[i] = SEVERAL;
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
    /* No word has a higher address, whatever the records say. */
    for (unsigned k = 0; k < 2; k++) {
        x->low[k] = x->low[k] < HT_LEAK_ADDRESS ? x->low[k] : HT_LEAK_ADDRESS;
        x->high[k] = x->high[k] < HT_LEAK_ADDRESS ? x->high[k] : HT_LEAK_ADDRESS + 1;
    }
}

/* For each set of lanes, the places of its words in ascending order. */
static void set_packed(struct ht_leak_index *x)
{
    for (unsigned lanes = 0; lanes < 256; lanes++) {
        uint8_t *place = x->packed[lanes];
        for (uint8_t i = 0; i < 8; i++)
            if (lanes >> (i < 4 ? 2 * i : 2 * (i - 4) + 1) & 1)
                *place++ = i;
    }
}

struct ht_leak_index *ht_leak_index_create(const struct ht_leak_block *block, size_t n,
                                           const bool *wanted, bool plain)
{
    struct ht_leak_index *x = calloc(1, sizeof *x);
    uint64_t reach = 0;
    if (!x || !(x->reach = malloc((n + 1) * sizeof *x->reach))) {
        free(x);
        return NULL;
    }
    x->block = block;
    x->n = n;
    x->avx2 = !plain && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt");
    for (size_t i = 0; i < n; i++) {
        if (end_of(&block[i]) > reach)
            reach = end_of(&block[i]);
        x->reach[i] = reach;
    }
    set_ranges(x, wanted);
    set_packed(x);
    make_set(x, wanted);
    make_pages(x);
    return x;
}

void ht_leak_index_destroy(struct ht_leak_index *x)
{
    if (x)
        free(x->reach);
    free(x);
}

static bool in_set(const struct ht_leak_index *x, uint64_t address)
{
    uint64_t u = address >> x->shift;
    return x->set[(u & x->mask) / 64] >> (u % 64) & 1;
}

static size_t filter_plain(const struct ht_leak_index *x, const uint64_t *words, size_t from,
                           size_t n, uint32_t *at, size_t found)
{
    uint64_t low0 = x->low[0], span0 = x->high[0] - low0;
    uint64_t low1 = x->low[1], span1 = x->high[1] - low1;
    for (size_t i = from; i < n; i++) {
        uint64_t v = words[i] & HT_LEAK_ADDRESS;
        if ((v - low0 < span0 || v - low1 < span1) && in_set(x, v))
            at[found++] = (uint32_t)i;
    }
    return found;
}

/* The 32-bit numbers of the 64 KiB units of a range: the first, and how many follow. */
__attribute__((target("avx2"))) static void units_of(const struct ht_leak_index *x, unsigned k,
                                                     __m256i *low, __m256i *span)
{
    uint64_t first = x->low[k] >> 16, last = x->high[k] ? (x->high[k] - 1) >> 16 : 0;
    if (!x->high[k])
        first = last = UINT32_MAX; /* an empty range; no user's address lies there */
    *low = _mm256_set1_epi32((int)(uint32_t)first);
    *span = _mm256_set1_epi32((int)(uint32_t)(last - first));
}

/* Eight words a turn, as numbers of 32 bits: those of the first four words in the even lanes, those
 * of the other four in the odd ones. */
__attribute__((target("avx2,popcnt"))) static size_t
filter_avx2(const struct ht_leak_index *x, const uint64_t *words, size_t n, uint32_t *at)
{
    __m256i low0, span0, low1, span1;
    units_of(x, 0, &low0, &span0);
    units_of(x, 1, &low1, &span1);
    const __m256i mask = _mm256_set1_epi32((int)x->mask);
    const __m128i right = _mm_cvtsi32_si128((int)x->shift);
    const __m128i left = _mm_cvtsi32_si128(32 - (int)x->shift);
    size_t found = 0, i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256i a = _mm256_loadu_si256((const __m256i *)(words + i));
        __m256i b = _mm256_loadu_si256((const __m256i *)(words + i + 4));
        /* Bits 16 to 47, for the ranges: u - low <= span, without a sign. */
        __m256i u = _mm256_blend_epi32(_mm256_srli_epi64(a, 16), _mm256_slli_epi64(b, 16), 0xaa);
        __m256i d0 = _mm256_sub_epi32(u, low0), d1 = _mm256_sub_epi32(u, low1);
        __m256i in = _mm256_or_si256(_mm256_cmpeq_epi32(_mm256_min_epu32(d0, span0), d0),
                                     _mm256_cmpeq_epi32(_mm256_min_epu32(d1, span1), d1));
        if (_mm256_testz_si256(in, in))
            continue;
        /* The unit: bit p % 32 of half-word p / 32, moved to the sign. */
        __m256i p = _mm256_blend_epi32(_mm256_srl_epi64(a, right), _mm256_sll_epi64(b, left), 0xaa);
        __m256i half = _mm256_srli_epi32(_mm256_and_si256(p, mask), 5);
        __m256i bits = _mm256_i32gather_epi32((const int *)x->set, half, 4);
        /* A shift to the left by 31 - p % 32, which is that of ~p. */
        __m256i by = _mm256_andnot_si256(p, _mm256_set1_epi32(31));
        bits = _mm256_and_si256(_mm256_sllv_epi32(bits, by), in);
        unsigned hits = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(bits));
        /* All eight, without a branch: those behind the last one are written over. */
        __m256i here = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)x->packed[hits]));
        here = _mm256_add_epi32(here, _mm256_set1_epi32((int)i));
        _mm256_storeu_si256((__m256i *)(at + found), here);
        found += (unsigned)__builtin_popcount(hits);
    }
    return filter_plain(x, words, i, n, at, found);
}

size_t ht_leak_filter(const struct ht_leak_index *x, const uint64_t *words, size_t n, uint32_t *at)
{
    return x->avx2 ? filter_avx2(x, words, n, at) : filter_plain(x, words, 0, n, at, 0);
}

/* The index + 1 of the only block that may contain an address, 0 for none, or SEVERAL. *surely: the
 * block does contain it. */
static uint32_t only_at(const struct ht_leak_index *x, uint64_t address, bool *surely)
{
    uint64_t page = address >> PAGE_SHIFT, e = x->only[page & PAGE_MASK];
    unsigned offset = (unsigned)(address & OFFSET_MASK) >> 4;
    uint8_t from = (uint8_t)(e >> FROM_AT), upto = (uint8_t)(e >> UPTO_AT);
    *surely = false;
    if ((e & SEVERAL) == SEVERAL)
        return SEVERAL;
    if (e >> TAG_AT != page >> HT_LEAK_PAGE_BITS || offset < from || offset > upto)
        return 0;
    *surely = (offset > from || (e & FROM_WHOLE)) && (offset < upto || (e & UPTO_WHOLE));
    return e & SEVERAL;
}

/* The table of pages is larger than a core's cache, so its entries are prefetched. */
size_t ht_leak_prepare(const struct ht_leak_index *x, const uint64_t *words, uint32_t *at, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        __builtin_prefetch(&x->only[(words[at[i]] & HT_LEAK_ADDRESS) >> PAGE_SHIFT & PAGE_MASK]);
    for (size_t i = 0; i < n; i++) {
        bool surely;
        at[kept] = at[i];
        kept += only_at(x, words[at[i]] & HT_LEAK_ADDRESS, &surely) != 0;
    }
    return kept;
}

size_t ht_leak_find(const struct ht_leak_index *x, uint64_t address, size_t before)
{
    bool surely;
    uint32_t only = only_at(x, address, &surely);
    if (!only)
        return x->n;
    if (only != SEVERAL) {
        const struct ht_leak_block *b = &x->block[only - 1];
        surely = surely || (address >= b->addr && address < end_of(b));
        return surely && only - 1 < before ? only - 1 : x->n;
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

/* SPDX-License-Identifier: MIT */
/*
 * The scan's answer, with and without AVX2, beside that of asking every block about every word: of
 * blocks of all sizes that lie apart, beside each other, over each other, and in two ranges far
 * from each other; of words at their edges, with tags, and of others. And what leads to what in
 * graphs with circles.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "leaks/graph.h"
#include "leaks/index.h"
#include "region/weight.h"
#include "tests/lib/check.h"

static _Noreturn void ht_check_failed(const char *file, int line, const char *claim,
                                      const char *condition)
{
    printf("FAIL %s:%d: %s: does not hold (%s)\n", file, line, claim, condition);
    exit(1);
}

enum { BLOCKS = 300, WORDS = 4099 };

static uint64_t seed = 16;
static uint64_t chance(uint64_t below)
{
    return ht_random(&seed) % below;
}

static int by_address(const void *a, const void *b)
{
    uint64_t x = ((const struct ht_leak_block *)a)->addr,
             y = ((const struct ht_leak_block *)b)->addr;
    return x < y ? -1 : x > y;
}

static bool points_into(uint64_t word, const struct ht_leak_block *b)
{
    uint64_t v = word & HT_LEAK_ADDRESS;
    return v >= b->addr && v < b->addr + (b->size ? b->size : 1);
}

static uint64_t some_word(const struct ht_leak_block *block, size_t n)
{
    const struct ht_leak_block *b = n ? &block[chance(n)] : NULL;
    uint64_t tag = chance(3) ? 0 : chance(65536) << 48;
    switch (b ? chance(8) : 0) {
    case 1:
        return b->addr | tag;
    case 2:
        return (b->addr + b->size - 1) | tag;
    case 3:
        return (b->addr + b->size) | tag;
    case 4:
        return (b->addr - 1) | tag;
    case 5:
        return (b->addr + chance(b->size + 1)) | tag;
    case 6:
        return b->addr + (1ull << 32) * (1 + chance(4)); /* the same bit of the bitmap */
    case 7:
        return chance(100000);
    default:
        return ht_random(&seed);
    }
}

/* Every block that the scan finds for every word, against all of them. */
static void compare(const struct ht_leak_block *block, size_t n, bool plain)
{
    static uint64_t words[WORDS];
    static uint32_t at[WORDS];
    static bool hit[WORDS];
    struct ht_leak_index *x = ht_leak_index_create(block, n, NULL, plain);
    CHECK(x, "the index is made");
    for (size_t i = 0; i < WORDS; i++)
        words[i] = some_word(block, n);
    size_t from = chance(9), hits = ht_leak_filter(x, words + from, WORDS - from, at);
    size_t closer = ht_leak_prepare(x, words + from, at, hits);
    CHECK(closer <= hits, "no more words come closer than hit");
    hits = closer;
    memset(hit, 0, sizeof hit);
    for (size_t i = 0; i < hits; i++) {
        CHECK(!i || at[i] > at[i - 1], "the words that hit are in order");
        hit[from + at[i]] = true;
    }
    for (size_t i = from; i < WORDS; i++) {
        size_t found = n;
        for (size_t k = n; k-- > 0;) {
            if (!points_into(words[i], &block[k]))
                continue;
            CHECK(hit[i], "a word that points into a block hits");
            found = ht_leak_find(x, words[i] & HT_LEAK_ADDRESS, found);
            CHECK(found == k, "the search finds that block next");
        }
        CHECK(ht_leak_find(x, words[i] & HT_LEAK_ADDRESS, found) == n,
              "the search finds no block more");
    }
    ht_leak_index_destroy(x);
}

static void scans(void)
{
    static struct ht_leak_block block[BLOCKS];
    for (int round = 0; round < 200; round++) {
        size_t n = (size_t)chance(round % 3 ? BLOCKS : 3);
        uint64_t low = 0x560000000000, high = 0x7f0000000000;
        for (size_t i = 0; i < n; i++) {
            uint64_t *at = chance(3) ? &low : &high;
            uint64_t size = chance(4) ? chance(200) : chance(100000);
            block[i] = (struct ht_leak_block){.addr = *at, .size = size};
            *at += chance(20) ? ((size + 16) & ~15ull) + (chance(2) ? 0 : chance(50000)) : size / 2;
            if (!i || block[i].addr != block[i - 1].addr)
                continue;
            block[i].addr++;
        }
        if (n)
            qsort(block, n, sizeof *block, by_address);
        compare(block, n, true);
        compare(block, n, false);
    }
}

/* A block of more than 4 GiB takes every page, also those that share an entry with its first and
 * its last one. */
static void large(void)
{
    const struct ht_leak_block block[] = {
        {.addr = 0x7f0000000ff0, .size = (5ull << 30) + 32},
        {.addr = 0x7f8000123000, .size = 100},
    };
    for (int plain = 0; plain < 2; plain++)
        for (unsigned round = 0; round < 20; round++)
            compare(block, 2, plain);
    struct ht_leak_index *x = ht_leak_index_create(block, 2, NULL, false);
    CHECK(x, "the index of a large block is made");
    for (uint64_t at = block[0].addr; at < block[0].addr + block[0].size; at += 4096 * 37 + 8)
        CHECK(ht_leak_find(x, at, 2) == 0, "every address of a large block is found");
    /* Pages that share an entry with the first one and with the last of the first 4 GiB. */
    CHECK(ht_leak_find(x, 0x7f0100000008, 2) == 0, "the start of a page that shares an entry");
    CHECK(ht_leak_find(x, 0x7f00ffffffe8, 2) == 0, "the end of a page that shares an entry");
    CHECK(ht_leak_find(x, block[0].addr + block[0].size, 2) == 2, "the one behind it is not");
    ht_leak_index_destroy(x);
}

/* Blocks that are asked about, among others on the same pages. */
static void wanted(void)
{
    static struct ht_leak_block block[BLOCKS];
    static bool asked[BLOCKS];
    static uint64_t words[WORDS];
    static uint32_t at[WORDS];
    for (int round = 0; round < 100; round++) {
        size_t n = 1 + (size_t)chance(BLOCKS - 1);
        uint64_t next = 0x550000000010;
        for (size_t i = 0; i < n; i++) {
            block[i] = (struct ht_leak_block){.addr = next, .size = chance(chance(9) ? 90 : 9000)};
            next += ((block[i].size + 16) & ~15ull) + chance(3) * 64;
            asked[i] = !chance(3);
        }
        for (size_t i = 0; i < WORDS; i++)
            words[i] = some_word(block, n);
        struct ht_leak_index *x = ht_leak_index_create(block, n, asked, round % 2);
        CHECK(x, "the index is made");
        size_t hits = ht_leak_filter(x, words, WORDS, at), met = 0, truth = 0;
        hits = ht_leak_prepare(x, words, at, hits);
        for (size_t i = 0; i < hits; i++) {
            size_t found = ht_leak_find(x, words[at[i]] & HT_LEAK_ADDRESS, n);
            met += found < n && asked[found];
        }
        for (size_t i = 0; i < WORDS; i++)
            for (size_t k = 0; k < n; k++)
                truth += asked[k] && points_into(words[i], &block[k]);
        CHECK(met == truth, "every word that points into a wanted block is found");
        ht_leak_index_destroy(x);
    }
}

static void graphs(void)
{
    enum { N = 60 };
    for (int round = 0; round < 500; round++) {
        struct ht_leak_graph g = {0};
        struct ht_leak_block block[N] = {0};
        bool to[N][N] = {{0}}, reached[N], truth[N], leaked[N];
        unsigned edges = (unsigned)chance(3 * N);
        for (unsigned i = 0; i < edges; i++) {
            uint32_t a = (uint32_t)chance(N), b = (uint32_t)chance(N);
            to[a][b] = true;
            ht_leak_graph_add(&g, a, b);
        }
        for (int i = 0; i < N; i++)
            reached[i] = truth[i] = !chance(10);
        for (bool more = true; more;) {
            more = false;
            for (int a = 0; a < N; a++)
                for (int b = 0; b < N; b++)
                    if (truth[a] && to[a][b] && !truth[b])
                        truth[b] = more = true;
        }
        CHECK(!ht_leak_graph_reach(&g, reached, N), "the reachable blocks are computed");
        CHECK(!memcmp(reached, truth, sizeof truth), "what is reachable equals the model's");
        for (int i = 0; i < N; i++)
            leaked[i] = !truth[i];
        CHECK(!ht_leak_graph_heads(&g, block, leaked, N), "the heads of what leaked are computed");
        for (int i = 0; i < N; i++) {
            bool pointed = false;
            for (int a = 0; a < N; a++)
                pointed |= a != i && leaked[a] && to[a][i];
            CHECK((block[i].grade != HT_LEAK_NONE) == leaked[i],
                  "a block has a grade exactly when it leaked");
            CHECK(!leaked[i] || pointed || block[i].grade == HT_LEAK_UNREFERENCED,
                  "a leaked block that nothing points to is unreferenced");
            CHECK(block[i].grade != HT_LEAK_UNREACHABLE ||
                      (pointed && block[block[i].head].grade == HT_LEAK_UNREFERENCED),
                  "an unreachable block is pointed to, and its head is unreferenced");
        }
        ht_leak_graph_free(&g);
    }
}

int main(void)
{
    scans();
    large();
    wanted();
    graphs();
    puts(__builtin_cpu_supports("avx2") ? "ok, with AVX2 and without"
                                        : "ok, without AVX2: this processor has none");
    return 0;
}

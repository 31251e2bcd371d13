/* SPDX-License-Identifier: MIT */
/*
 * HAZARDS 6: damaged unwind data. Bytes of a library's unwind tables are changed at random, and the
 * instructions of entries made up, in a copy of which what lies behind the object's end may not be
 * read; every answer is right as long as nothing outside is, and a recipe is what the whole row
 * says: the common ones are read without it. Seen failing with each of two dozen conditions taken
 * out of cfi_recipe.c, and with an offset of the CFA taken where the CFA is an expression (cfi.c).
 */
#include "config.h"

#include <errno.h>
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cfi/cfi.h"
#include "image.h"

static uint64_t state = 1;

static uint64_t chance(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

static bool some_word(void *ctx, uint64_t at, uint64_t *word)
{
    *word = at * 3 + 8;
    return at % 7 != 0;
}

static uint64_t kinds[8];
static uint64_t limit; /* of the copy */

/* Asks for a recipe and for a row, and steps by it. False: the two say different things. */
static bool ask(uint64_t pc, const struct ht_object *o)
{
    size_t behind = limit - o->end < 8192 ? limit - o->end : 8192;
    __asan_poison_memory_region((const void *)o->end, behind);
    uint64_t recipe = ht_cfi_recipe(pc, o);
    kinds[ht_recipe_kind(recipe)]++;
    struct ht_row row;
    struct ht_all_regs regs = {.known = (uint32_t)chance(1u << HT_N_REGS)};
    int r = ht_cfi_row(pc, o, &row);
    if (!r)
        ht_cfi_step(&row, &regs, some_word, NULL);
    uint64_t by_row = r == -ENOENT ? HT_STEP_UNKNOWN : r ? HT_STEP_OTHER : ht_cfi_row_recipe(&row);
    __asan_unpoison_memory_region((const void *)o->end, behind);
    if (recipe != by_row)
        printf("pc %#lx: recipe %#lx, by the row %#lx\n", pc, recipe, by_row);
    return recipe == by_row;
}

static uint32_t word(const unsigned char *at)
{
    uint32_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

/* Puts instructions made up of those that compilers use, and of any, in an entry's place. */
static bool made_up(unsigned char *fde, uint64_t pc, const struct ht_object *o)
{
    static const unsigned char some[] = {0x00, 0x02, 0x03, 0x0a, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e,
                                         0x41, 0x48, 0x86, 0x8c, 0x87, 0x90, 0xc6, 0xcc, 0xc7,
                                         0xd0, 0x06, 0x07, 0x08, 0x10, 0x00, 0x81};
    uint64_t n = word(fde) + 4, from = 17u + fde[16];
    unsigned char before[512];
    if (n > sizeof before || from > n)
        return true;
    memcpy(before, fde, n);
    for (uint64_t i = from; i < n; i++)
        fde[i] = chance(20) ? some[chance(sizeof some)] : (unsigned char)chance(256);
    static const unsigned char after[] = {0x0c, 0x0d, 0x0e, 0x10, 0x12, 0x13, 0x16};
    if (!chance(8) && n - from > 8) { /* the CFA is an expression, and then changed */
        fde[from] = 0x0f;
        fde[from + 1] = (unsigned char)chance(4);
        fde[from + 2 + fde[from + 1]] = after[chance(sizeof after)];
    }
    bool right = ask(pc, o);
    memcpy(fde, before, n);
    return right;
}

int main(int argc, char **argv)
{
    struct image m;
    if (argc < 2 || !image_open(&m, argv[1]))
        return 77;
    uint64_t size = (m.end - m.start + 4095) & ~4095ull;
    unsigned char *copy =
        mmap(NULL, size + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED)
        return 77;
    mprotect(copy + size, 4096, PROT_NONE);
    limit = (uint64_t)copy + size;
    memcpy(copy, (const void *)m.start, m.end - m.start);
    uint64_t hdr = m.hdr - m.start, span = m.n_functions * 8 + 4 + m.n_functions * 40;
    if (span > size - hdr)
        span = size - hdr;
    for (int round = 0; round < 1500000; round++) {
        unsigned char *at = copy + hdr + chance(span);
        /* From time to time the object seems to end inside its tables. */
        uint64_t end = chance(8) ? size : hdr + 12 + chance(span - 12);
        struct ht_object o = {(uint64_t)copy, (uint64_t)copy + end, 0, (uint64_t)copy + hdr};
        uint64_t function = chance(m.n_functions);
        uint64_t pc = (uint64_t)copy + hdr + (uint64_t)(int64_t)m.table[function][0] + chance(64);
        unsigned char *fde = copy + hdr + (uint64_t)(int64_t)m.table[function][1];
        if (!chance(16)) /* or inside the entry, or its CIE */
            o.end = (uint64_t)(chance(2) ? fde + chance(64) : fde + 4 - word(fde + 4) + chance(40));
        bool whole = (uint64_t)fde + 600 < o.end;
        if (whole && !chance(4) && !made_up(fde, pc, &o))
            return 1;
        /* The entry of the function that is asked about, its CIE, or anything. */
        if (chance(4))
            at = fde + chance(48);
        else if (whole && chance(2))
            at = fde + 4 - word(fde + 4) + chance(32);
        unsigned char before = *at;
        *at = chance(3) ? (unsigned char)chance(256) : 0xff;
        if (!ask(pc, &o))
            return 1;
        *at = before;
    }
    for (unsigned i = 0; i < 8; i++)
        printf("%lu ", kinds[i]);
    printf("\n");
    image_close(&m);
    return kinds[HT_STEP_RSP] < 1000 || kinds[HT_STEP_UNKNOWN] < 100;
}

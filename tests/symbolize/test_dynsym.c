/* SPDX-License-Identifier: MIT */
/*
 * ht_dynsym_find on an object that is put together in memory: how many symbols its DT_GNU_HASH has,
 * and that a damaged table, whose last chain does not end, costs a bounded number of reads (each is
 * a system call in a dump).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/dynsym.h"

#define START 0x10000u
#define TABLE 0x1000u /* of DT_GNU_HASH, from the start */
#define FIRST 3u      /* the first symbol that it sorts */

struct memory {
    unsigned char *at;
    size_t size;
    unsigned reads;
};

static bool read_memory(void *ctx, uint64_t at, void *to, size_t n)
{
    struct memory *m = ctx;
    m->reads++;
    if (at < START || at - START > m->size || n > m->size - (at - START))
        return false;
    memcpy(to, m->at + (at - START), n);
    return true;
}

/* A table with one bucket whose chain has `links` links; the last one ends it when `ends`. */
static struct memory object(uint32_t links, bool ends)
{
    struct memory m = {.size = TABLE + 16 + 8 + 4 + 4ull * links};
    m.at = calloc(1, m.size);
    Elf64_Ehdr e = {.e_machine = EM_X86_64, .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2};
    memcpy(e.e_ident, ELFMAG, SELFMAG);
    e.e_ident[EI_CLASS] = ELFCLASS64;
    e.e_phoff = sizeof e;
    Elf64_Phdr p[2] = {{.p_type = PT_LOAD, .p_memsz = m.size},
                       {.p_type = PT_DYNAMIC, .p_vaddr = 0x200, .p_memsz = 5 * sizeof(Elf64_Dyn)}};
    Elf64_Dyn d[] = {{DT_SYMTAB, {0x400}},
                     {DT_STRTAB, {0x600}},
                     {DT_STRSZ, {0x100}},
                     {DT_GNU_HASH, {TABLE}},
                     {DT_NULL, {0}}};
    uint32_t head[4] = {1, FIRST, 1, 0}, bucket = FIRST, end = 1;
    memcpy(m.at, &e, sizeof e);
    memcpy(m.at + e.e_phoff, p, sizeof p);
    memcpy(m.at + 0x200, d, sizeof d);
    memcpy(m.at + TABLE, head, sizeof head);
    memcpy(m.at + TABLE + 16 + 8, &bucket, sizeof bucket);
    if (links && ends)
        memcpy(m.at + TABLE + 16 + 8 + 4 + 4ull * (links - 1), &end, sizeof end);
    return m;
}

static uint64_t count(struct memory *m)
{
    struct ht_mapped_elf mapped = {.read = read_memory, .ctx = m};
    struct ht_dynsym d;
    assert_true(ht_mapped_elf_read(&mapped, START));
    m->reads = 0;
    uint64_t n = ht_dynsym_find(&mapped, &d) ? d.n : 0;
    free(m->at);
    return n;
}

static void test_counts(void **state)
{
    (void)state;
    static const uint32_t links[] = {1, 2, 63, 64, 65, 128, 1000};
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        struct memory m = object(links[i], true);
        assert_int_equal(count(&m), FIRST + links[i]);
    }
}

static void test_no_end(void **state)
{
    (void)state;
    struct memory m = object(5000, false);
    assert_int_equal(count(&m), 0);
    m = object((1u << 24) + 100, false);
    assert_int_equal(count(&m), 0);
    assert_true(m.reads < 300000); /* one for each link: 16 million, some ten seconds in a dump */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_counts),
                                       cmocka_unit_test(test_no_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

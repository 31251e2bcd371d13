/* SPDX-License-Identifier: MIT */
/*
 * PT_DYNAMIC leads to the tables (System V ABI, chapter 5). Their number of symbols is said by
 * DT_HASH; DT_GNU_HASH has them sorted by bucket, so the last chain of the highest bucket ends with
 * the last symbol.
 */
#include "config.h"

#include "util/dynsym.h"

#include <string.h>

#define PAGE        4096ull
#define MAX_DYNAMIC 512u
#define MAX_SYMBOLS (1u << 24)

bool ht_mapped_elf_read(struct ht_mapped_elf *m, uint64_t start)
{
    if (!m->read(m->ctx, start, &m->e, sizeof m->e) || memcmp(m->e.e_ident, ELFMAG, SELFMAG) ||
        m->e.e_ident[EI_CLASS] != ELFCLASS64 || m->e.e_machine != EM_X86_64 ||
        m->e.e_phentsize != sizeof(Elf64_Phdr) || m->e.e_phnum > HT_MAPPED_PHDRS_MAX ||
        !m->read(m->ctx, start + m->e.e_phoff, m->p, m->e.e_phnum * sizeof(Elf64_Phdr)))
        return false;
    uint64_t lowest = UINT64_MAX;
    for (unsigned i = 0; i < m->e.e_phnum; i++)
        if (m->p[i].p_type == PT_LOAD && m->p[i].p_vaddr < lowest)
            lowest = m->p[i].p_vaddr;
    m->bias = start - (lowest & ~(PAGE - 1));
    return lowest != UINT64_MAX;
}

/* 0: not to be known. Not inlined: tests/calls names what calls through a pointer. */
__attribute__((noinline)) static uint64_t count_by_gnu_hash(const struct ht_mapped_elf *m,
                                                            uint64_t table)
{
    uint32_t head[4], word[64], last = 0; /* n buckets, first symbol, n words, shift */
    if (!m->read(m->ctx, table, head, sizeof head) || head[0] > MAX_SYMBOLS ||
        head[2] > MAX_SYMBOLS)
        return 0;
    uint64_t buckets = table + sizeof head + 8ull * head[2], chains = buckets + 4ull * head[0];
    for (uint32_t i = 0; i < head[0]; i += 64) {
        uint32_t n = head[0] - i < 64 ? head[0] - i : 64;
        if (!m->read(m->ctx, buckets + 4ull * i, word, 4ull * n))
            return 0;
        for (uint32_t k = 0; k < n; k++)
            if (word[k] > last)
                last = word[k];
    }
    if (last < head[1])
        return head[1];
    while (last < MAX_SYMBOLS) {
        uint64_t at = chains + 4ull * (last - head[1]);
        uint32_t n = 64;
        /* The table may end less than 64 links behind this one. */
        if (!m->read(m->ctx, at, word, sizeof word)) {
            n = 1;
            if (!m->read(m->ctx, at, word, sizeof word[0]))
                return 0;
        }
        for (uint32_t k = 0; k < n; k++, last++)
            if (word[k] & 1)
                return last + 1;
    }
    return 0;
}

bool ht_dynsym_find(const struct ht_mapped_elf *m, struct ht_dynsym *d)
{
    uint64_t at = 0, size = 0, hash = 0, gnu_hash = 0;
    uint32_t n = 0;
    *d = (struct ht_dynsym){0};
    for (unsigned i = 0; i < m->e.e_phnum && !at; i++)
        if (m->p[i].p_type == PT_DYNAMIC) {
            at = m->bias + m->p[i].p_vaddr;
            size = m->p[i].p_memsz;
        }
    for (uint64_t i = 0; at && i < size / sizeof(Elf64_Dyn) && i < MAX_DYNAMIC; i++) {
        Elf64_Dyn dyn;
        if (!m->read(m->ctx, at + i * sizeof dyn, &dyn, sizeof dyn) || dyn.d_tag == DT_NULL)
            break;
        /* glibc has relocated the pointers in place, musl has not. */
        uint64_t to = dyn.d_un.d_ptr < m->bias ? m->bias + dyn.d_un.d_ptr : dyn.d_un.d_ptr;
        if (dyn.d_tag == DT_SYMTAB)
            d->symbols = to;
        else if (dyn.d_tag == DT_STRTAB)
            d->strings = to;
        else if (dyn.d_tag == DT_STRSZ)
            d->strings_size = dyn.d_un.d_val;
        else if (dyn.d_tag == DT_HASH)
            hash = to;
        else if (dyn.d_tag == DT_GNU_HASH)
            gnu_hash = to;
    }
    if (hash && m->read(m->ctx, hash + 4, &n, 4))
        d->n = n;
    else if (gnu_hash)
        d->n = count_by_gnu_hash(m, gnu_hash);
    return d->symbols && d->strings && d->n && d->n <= MAX_SYMBOLS;
}

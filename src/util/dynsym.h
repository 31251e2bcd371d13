/* SPDX-License-Identifier: MIT */
/*
 * The dynamic symbols of an object as the loader has mapped it: they are in memory when its file is
 * gone. In the target half, too: no allocation, no state, async-signal-safe when the reader is.
 */
#ifndef HEAPTAP_SRC_UTIL_DYNSYM_H
#define HEAPTAP_SRC_UTIL_DYNSYM_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads n bytes at an address of the process; false when they are not all there. */
typedef bool (*ht_read_fn)(void *ctx, uint64_t at, void *to, size_t n);

enum { HT_MAPPED_PHDRS_MAX = 32 };

struct ht_mapped_elf {
    ht_read_fn read;
    void *ctx;
    uint64_t bias; /* what is added to the file's addresses */
    Elf64_Ehdr e;
    Elf64_Phdr p[HT_MAPPED_PHDRS_MAX];
};

/* Addresses of the process. */
struct ht_dynsym {
    uint64_t symbols, n; /* Elf64_Sym; those of the hash table */
    uint64_t strings, strings_size;
};

/* Reads the headers of an object whose ELF header is mapped at `start`; read and ctx are set. False
 * when there is none, or it has more program headers than there is room for. */
bool ht_mapped_elf_read(struct ht_mapped_elf *m, uint64_t start);

/* False when the object has no table, or one that leads out of reason. */
bool ht_dynsym_find(const struct ht_mapped_elf *m, struct ht_dynsym *d);

/* Whether the symbol is a function of this object. */
static inline bool ht_dynsym_is_function(const Elf64_Sym *s)
{
    unsigned type = ELF64_ST_TYPE(s->st_info);
    return (type == STT_FUNC || type == STT_GNU_IFUNC) && s->st_shndx != SHN_UNDEF &&
           s->st_shndx < SHN_LORESERVE;
}

#endif

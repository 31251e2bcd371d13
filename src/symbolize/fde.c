/* SPDX-License-Identifier: MIT */
/* Reads every entry of .eh_frame (LSB, DWARF 4 section 6.4.1) once, and sorts them. */
#include "config.h"

#include "symbolize/fde.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

struct range {
    uint64_t start, end;
};

struct ht_fdes {
    struct range *at;
    size_t n, room;
};

/* A pointer as the entries have it: of 4 or 8 bytes, absolute or from its own place. */
static bool read_pointer(const unsigned char **p, const unsigned char *end, unsigned encoding,
                         uint64_t place, uint64_t *value)
{
    size_t size = (encoding & 7) == DW_EH_PE_udata4   ? 4
                  : (encoding & 7) == DW_EH_PE_udata8 ? 8
                  : (encoding & 7) == DW_EH_PE_absptr ? 8
                                                      : 0;
    if (!size || (size_t)(end - *p) < size)
        return false;
    if (size == 4) {
        uint32_t v;
        memcpy(&v, *p, 4);
        *value = encoding & DW_EH_PE_signed ? (uint64_t)(int64_t)(int32_t)v : v;
    } else {
        memcpy(value, *p, 8);
    }
    *p += size;
    if ((encoding & 0x70) == DW_EH_PE_pcrel)
        *value += place;
    return (encoding & 0x70) == DW_EH_PE_absptr || (encoding & 0x70) == DW_EH_PE_pcrel;
}

/* The encoding of the entries' pointers, from their common entry: "zR" and what else stands there.
 * DW_EH_PE_omit: not understood. */
static unsigned encoding_of(const Dwarf_CIE *cie)
{
    const unsigned char *p = cie->augmentation_data;
    const char *a = cie->augmentation;
    size_t left = cie->augmentation_data_size;
    if (!a || *a != 'z')
        return a && *a ? DW_EH_PE_omit : DW_EH_PE_absptr;
    for (a++; *a; a++) {
        if (*a == 'S' || *a == 'B') /* a signal frame; without data */
            continue;
        if (!left)
            return DW_EH_PE_omit;
        if (*a == 'R')
            return *p;
        size_t skip = *a == 'L'   ? 1
                      : *a == 'P' ? 1 + ((*p & 7) == DW_EH_PE_udata4 ? 4 : 8)
                                  : left + 1;
        if (skip > left)
            return DW_EH_PE_omit;
        p += skip;
        left -= skip;
    }
    return DW_EH_PE_absptr;
}

static bool add(struct ht_fdes *f, uint64_t start, uint64_t size)
{
    if (!size || start + size < start)
        return true;
    if (f->n == f->room) {
        size_t room = f->room ? 2 * f->room : 1024;
        struct range *more = reallocarray(f->at, room, sizeof *more);
        if (!more)
            return false;
        f->at = more;
        f->room = room;
    }
    f->at[f->n++] = (struct range){start, start + size};
    return true;
}

/* False: out of memory. */
static bool read_section(struct ht_fdes *f, const unsigned char *ident, Elf_Data *data,
                         uint64_t address)
{
    Dwarf_Off next = 0, cie_at = (Dwarf_Off)-1;
    unsigned encoding = DW_EH_PE_omit;
    for (Dwarf_Off at = 0;; at = next) {
        Dwarf_CFI_Entry entry, cie;
        int r = dwarf_next_cfi(ident, data, true, at, &next, &entry);
        if (r > 0 || (r < 0 && (next == (Dwarf_Off)-1 || next <= at)))
            return true;
        if (r < 0 || dwarf_cfi_cie_p(&entry))
            continue;
        Dwarf_Off behind;
        if (entry.fde.CIE_pointer != cie_at) {
            cie_at = entry.fde.CIE_pointer;
            encoding =
                !dwarf_next_cfi(ident, data, true, cie_at, &behind, &cie) && dwarf_cfi_cie_p(&cie)
                    ? encoding_of(&cie.cie)
                    : DW_EH_PE_omit;
        }
        const unsigned char *p = entry.fde.start, *begin = data->d_buf;
        uint64_t start, size;
        if (encoding != DW_EH_PE_omit &&
            read_pointer(&p, entry.fde.end, encoding, address + (uint64_t)(p - begin), &start) &&
            read_pointer(&p, entry.fde.end, encoding & 7, 0, &size) && !add(f, start, size))
            return false;
    }
}

static int by_start(const void *pa, const void *pb)
{
    const struct range *a = pa, *b = pb;
    return a->start < b->start ? -1 : a->start > b->start;
}

struct ht_fdes *ht_fdes_create(Elf *elf)
{
    struct ht_fdes *f = calloc(1, sizeof *f);
    size_t names, size;
    const char *ident = elf_getident(elf, &size);
    if (!f || !ident || elf_getshdrstrndx(elf, &names))
        return f;
    for (Elf_Scn *s = NULL; (s = elf_nextscn(elf, s));) {
        GElf_Shdr sh;
        const char *name = gelf_getshdr(s, &sh) ? elf_strptr(elf, names, sh.sh_name) : NULL;
        Elf_Data *data = name && !strcmp(name, ".eh_frame") && sh.sh_type != SHT_NOBITS
                             ? elf_rawdata(s, NULL)
                             : NULL;
        if (data && data->d_buf &&
            !read_section(f, (const unsigned char *)ident, data, sh.sh_addr)) {
            ht_fdes_destroy(f);
            return NULL;
        }
    }
    if (f->n)
        qsort(f->at, f->n, sizeof *f->at, by_start);
    return f;
}

void ht_fdes_destroy(struct ht_fdes *f)
{
    if (f)
        free(f->at);
    free(f);
}

bool ht_fdes_find(const struct ht_fdes *f, uint64_t vaddr, uint64_t *start, uint64_t *end)
{
    size_t low = 0, high = f->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (f->at[middle].start <= vaddr)
            low = middle + 1;
        else
            high = middle;
    }
    if (!low || vaddr >= f->at[low - 1].end)
        return false;
    *start = f->at[low - 1].start;
    if (end)
        *end = f->at[low - 1].end;
    return true;
}

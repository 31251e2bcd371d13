/* SPDX-License-Identifier: MIT */
/* See "ELF Handling For Thread-Local Storage" (Drepper), variant II, and the TLS descriptors of the
 * x86-64 psABI. */
#include "config.h"

#include "target/os/thread_local.h"

#include <elf.h>
#include <string.h>

#include "target/os/loader.h"
#include "target/os/machine.h"
#include "target/os/object.h"

/* The program's block is the first below the thread pointer; where it begins is as glibc's
 * _dl_determine_tlsoffset has it. */
static bool in_program(uint64_t value, struct ht_thread_local *out)
{
    struct ht_object o;
    uint32_t n = 0;
    const Elf64_Phdr *p = ht_object_main(&o) ? ht_object_headers(&o, &n) : NULL;
    for (uint32_t i = 0; p && i < n; i++) {
        if (p[i].p_type != PT_TLS)
            continue;
        const uint64_t align = p[i].p_align ? p[i].p_align : 1, first = -p[i].p_vaddr & (align - 1);
        const uint64_t block = ((p[i].p_memsz - first + align - 1) & -align) + first;
        out->module = 0;
        out->offset = value - block;
        return true;
    }
    return false;
}

/* The loader's own function for a descriptor in static TLS: mov 8(%rax), %rax; ret. */
static bool is_static(uint64_t entry)
{
    static const unsigned char code[] = {0x48, 0x8b, 0x40, 0x08, 0xc3},
                               endbr[] = {0xf3, 0x0f, 0x1e, 0xfa};
    struct ht_unknown_memory m = {0};
    unsigned char there[sizeof endbr + sizeof code];
    if (!ht_unknown_read(&m, entry, there, sizeof there))
        return false;
    return !memcmp(there, code, sizeof code) || (!memcmp(there, endbr, sizeof endbr) &&
                                                 !memcmp(there + sizeof endbr, code, sizeof code));
}

/* A descriptor: a function and its argument, which for a block that is not static leads to the
 * number of the block and the offset in it. */
static bool by_descriptor(const uint64_t *slot, struct ht_thread_local *out)
{
    struct ht_unknown_memory m = {0};
    uint64_t index[2];
    if (is_static(slot[0])) {
        out->module = 0;
        out->offset = slot[1];
        return true;
    }
    if (!ht_unknown_read(&m, slot[1], index, sizeof index))
        return false;
    out->module = index[0];
    out->offset = index[1];
    return index[0] != 0;
}

static bool by_relocation(const struct link_map *l, const Elf64_Rela *r, uint32_t symbol,
                          uint64_t value, struct ht_thread_local *out)
{
    const uint64_t *slot = (const uint64_t *)(l->l_addr + r->r_offset);
    if (ELF64_R_SYM(r->r_info) != symbol)
        return false;
    switch (ELF64_R_TYPE(r->r_info)) {
    case R_X86_64_TLSDESC:
        return by_descriptor(slot, out);
    case R_X86_64_TPOFF64:
        out->module = 0;
        out->offset = *slot - (uint64_t)r->r_addend;
        return true;
    case R_X86_64_DTPMOD64:
        out->module = *slot;
        out->offset = value;
        return *slot != 0;
    default:
        return false;
    }
}

static bool in_table(const struct link_map *l, uint64_t table, uint64_t size, uint32_t symbol,
                     uint64_t value, struct ht_thread_local *out)
{
    const Elf64_Rela *r = table ? ht_loader_relocated(l, table) : NULL;
    for (uint64_t i = 0; r && i < size / sizeof *r; i++)
        if (by_relocation(l, &r[i], symbol, value, out))
            return true;
    return false;
}

bool ht_thread_local_find(const struct link_map *l, const char *name, struct ht_thread_local *out)
{
    uint64_t value, rela = 0, rela_size = 0, jmprel = 0, jmprel_size = 0;
    const uint32_t symbol = ht_loader_thread_local(l, name, &value);
    if (!symbol)
        return false;
    if (l == ht_loader()->r_map)
        return in_program(value, out);
    for (const Elf64_Dyn *d = l->l_ld; d->d_tag != DT_NULL; d++) {
        if (d->d_tag == DT_RELA)
            rela = d->d_un.d_ptr;
        else if (d->d_tag == DT_RELASZ)
            rela_size = d->d_un.d_val;
        else if (d->d_tag == DT_JMPREL)
            jmprel = d->d_un.d_ptr;
        else if (d->d_tag == DT_PLTRELSZ)
            jmprel_size = d->d_un.d_val;
    }
    return in_table(l, rela, rela_size, symbol, value, out) ||
           in_table(l, jmprel, jmprel_size, symbol, value, out);
}

uint64_t ht_thread_local_read(const struct ht_thread_local *t, struct ht_unknown_memory *m)
{
    const uint64_t self = (uint64_t)ht_thread_pointer();
    uint64_t blocks, n, block, pointer;
    if (!t->module)
        return *(const uint64_t *)(self + t->offset);
    /* An element is a block's address and what to free; the one before the first: how many. */
    blocks = *(const uint64_t *)(self + 8);
    if (!ht_unknown_read(m, blocks - 16, &n, sizeof n) || t->module > n ||
        !ht_unknown_read(m, blocks + 16 * t->module, &block, sizeof block) || !block ||
        block == UINT64_MAX || !ht_unknown_read(m, block + t->offset, &pointer, sizeof pointer))
        return 0;
    return pointer;
}

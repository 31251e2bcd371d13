/* SPDX-License-Identifier: MIT */
/* References are words that the loader has filled by a relocation (System V ABI for x86-64); those
 * it fills later, at a first call, find what is shown by then. */
#include "config.h"

#include "target/os/rebind.h"

#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "target/os/loader.h"
#include "target/os/machine.h"
#include "target/os/object.h"
#include "target/os/sys.h"

/* The object's ranges that may be written to, from its program headers. */
struct segments {
    uint64_t base;
    const Elf64_Phdr *headers;
    uint32_t n;
    uint64_t start, end; /* the object's */
};

static bool segments_of(const struct link_map *l, struct segments *s)
{
    struct ht_object o;
    if (!ht_object_find((uint64_t)l->l_ld, &o))
        return false;
    *s = (struct segments){.base = l->l_addr, .start = o.start, .end = o.end};
    s->headers = ht_object_headers(&o, &s->n);
    return s->headers != NULL;
}

static bool in_segment(const struct segments *s, uint32_t type, uint64_t at)
{
    for (uint32_t i = 0; i < s->n; i++) {
        const Elf64_Phdr *p = &s->headers[i];
        uint64_t from = s->base + p->p_vaddr, to = from + p->p_memsz;
        if (type == PT_GNU_RELRO) { /* the loader closes whole pages of it */
            from &= ~(uint64_t)(HT_PAGE_SIZE - 1);
            to &= ~(uint64_t)(HT_PAGE_SIZE - 1);
        }
        if (p->p_type == type && at >= from && at < to)
            return type != PT_LOAD || (p->p_flags & PF_W);
    }
    return false;
}

/* True when the address is in memory that stays read-only. */
static bool write_closed(void *at, const void *bytes, size_t n)
{
    uint64_t page = (uint64_t)at & ~(uint64_t)(HT_PAGE_SIZE - 1);
    size_t size = ((uint64_t)at + n > page + HT_PAGE_SIZE) ? 2 * HT_PAGE_SIZE : HT_PAGE_SIZE;
    if (SYS_FAILED(SYS3(SYS_mprotect, page, size, PROT_READ | PROT_WRITE)))
        return false;
    memcpy(at, bytes, n);
    SYS3(SYS_mprotect, page, size, PROT_READ);
    return true;
}

static bool write_reference(const struct segments *s, uint64_t *at, uint64_t value)
{
    if (in_segment(s, PT_GNU_RELRO, (uint64_t)at))
        return write_closed(at, &value, sizeof value);
    if (!in_segment(s, PT_LOAD, (uint64_t)at))
        return false;
    *at = value;
    return true;
}

/* An object's relocations of one kind. */
struct relocations {
    const Elf64_Rela *table;
    uint64_t n;
};

static void relocations_of(const struct link_map *l, struct relocations out[2])
{
    uint64_t bytes[2] = {0, 0};
    out[0] = out[1] = (struct relocations){0};
    bool rela = true;
    for (const Elf64_Dyn *d = l->l_ld; d && d->d_tag != DT_NULL; d++) {
        if (d->d_tag == DT_RELA)
            out[0].table = ht_loader_relocated(l, d->d_un.d_ptr);
        else if (d->d_tag == DT_JMPREL)
            out[1].table = ht_loader_relocated(l, d->d_un.d_ptr);
        else if (d->d_tag == DT_RELASZ)
            bytes[0] = d->d_un.d_val;
        else if (d->d_tag == DT_PLTRELSZ)
            bytes[1] = d->d_un.d_val;
        else if (d->d_tag == DT_PLTREL)
            rela = d->d_un.d_val == DT_RELA;
    }
    for (int i = 0; i < 2; i++)
        out[i].n = out[i].table && (i == 0 || rela) ? bytes[i] / sizeof(Elf64_Rela) : 0;
}

static const struct ht_rebinding *by_name(const struct ht_rebinding *r, unsigned n,
                                          const char *name)
{
    for (unsigned i = 0; i < n; i++)
        if (!strcmp(r[i].name, name))
            return &r[i];
    return NULL;
}

/* Redirects an object's references that are bound into `theirs` by one of the names. With `own`,
 * for that object itself: binds its unbound references to its own definitions. False: some could
 * not be changed. */
static bool rebind_in(const struct link_map *l, const struct ht_rebinding *r, unsigned n,
                      const struct segments *theirs, bool own)
{
    struct segments s;
    struct relocations kinds[2];
    bool all = true;
    bool known = false;
    relocations_of(l, kinds);
    for (int kind = 0; kind < 2; kind++)
        for (uint64_t i = 0; i < kinds[kind].n; i++) {
            const Elf64_Rela *e = &kinds[kind].table[i];
            uint64_t type = ELF64_R_TYPE(e->r_info);
            if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT && type != R_X86_64_64)
                continue;
            uint64_t *at = (uint64_t *)(l->l_addr + e->r_offset);
            if (*at < theirs->start || *at >= theirs->end || e->r_addend)
                continue;
            const char *name = ht_loader_name(l, (uint32_t)ELF64_R_SYM(e->r_info));
            const struct ht_rebinding *found = name ? by_name(r, n, name) : NULL;
            if (!found || (*at == found->theirs) == own || (own && type != R_X86_64_JUMP_SLOT))
                continue;
            if (!known && !(known = segments_of(l, &s)))
                return false;
            all &= write_reference(&s, at, own ? found->theirs : found->ours);
        }
    return all;
}

bool ht_rebinding_of(const char *name, uint64_t within, struct ht_rebinding *r)
{
    struct ht_object o, theirs;
    r->name = name;
    r->theirs = (uint64_t)ht_first_symbol(name);
    r->ours = (uint64_t)ht_own_symbol(name);
    return r->theirs && r->ours && ht_object_find(within, &o) &&
           ht_object_find(r->theirs, &theirs) && theirs.link_map == o.link_map;
}

bool ht_rebind(const struct ht_rebinding *r, unsigned n)
{
    struct ht_object o;
    struct segments theirs;
    if (!n || !ht_object_find(r[0].theirs, &o) ||
        !segments_of((const struct link_map *)o.link_map, &theirs))
        return !n;
    /* Before the library's functions are visible: a lazy reference of the object is bound at its
     * first call. */
    bool all = rebind_in((const struct link_map *)o.link_map, r, n, &theirs, true);
    const uint16_t global = 1; /* its version is none */
    for (unsigned i = 0; i < n && all; i++) {
        uint16_t *version = ht_own_symbol_version(r[i].name);
        all = version && write_closed(version, &global, sizeof global);
    }
    for (const struct link_map *l = ht_loader()->r_map; l && all; l = l->l_next)
        if ((uint64_t)l != o.link_map && l->l_ld != _DYNAMIC)
            all = rebind_in(l, r, n, &theirs, false);
    return all;
}

/* SPDX-License-Identifier: MIT */
/*
 * Finds the loaded object around a pc: by glibc's _dl_find_object, which takes no lock, or by the
 * library's own table where that is missing. For the program itself its program headers are used.
 */
#include "config.h"

#include "target/os/object.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>

#include "target/os/loader.h"
#include "target/os/machine.h"
#include "target/os/object_table.h"
#include "target/os/sys.h"

_Atomic uint32_t ht_unload_generation;
struct ht_object ht_self;

/* struct dl_find_object of x86-64: the headers of a glibc before 2.35 lack it, and the library that
 * is built there runs on a newer one. */
struct found {
    unsigned long long flags;
    void *map_start, *map_end;
    struct link_map *link_map;
    void *eh_frame;
    unsigned long long reserved[7];
};
#if __GLIBC_PREREQ(2, 35)
_Static_assert(sizeof(struct found) == sizeof(struct dl_find_object), "glibc's struct");
_Static_assert(offsetof(struct found, eh_frame) == offsetof(struct dl_find_object, dlfo_eh_frame),
               "glibc's struct");
#endif

static int (*find_object)(void *, struct found *);
static const struct r_debug *loader;

/* The program itself: the kernel leaves holes between its segments, which the loader fills for
 * libraries; _dl_find_object then returns one segment (glibc 2.36, l_contiguous). */
static const struct link_map *main_map;
uint64_t ht_main_start, ht_main_size;

static void find_main(void)
{
    const Elf64_Phdr *p = (const Elf64_Phdr *)getauxval(AT_PHDR);
    const struct link_map *l = loader ? loader->r_map : NULL;
    uint64_t lowest = UINT64_MAX, highest = 0;
    bool ours = false;
    for (uint64_t i = 0; p && l && i < getauxval(AT_PHNUM); i++) {
        if (p[i].p_type == PT_LOAD && p[i].p_vaddr < lowest)
            lowest = p[i].p_vaddr;
        if (p[i].p_type == PT_LOAD && p[i].p_vaddr + p[i].p_memsz > highest)
            highest = p[i].p_vaddr + p[i].p_memsz;
        /* When the program is an argument of the loader, these are the loader's. */
        ours |= p[i].p_type == PT_DYNAMIC && l->l_addr + p[i].p_vaddr == (uint64_t)l->l_ld;
    }
    if (ours && lowest < highest) {
        main_map = l;
        ht_main_start = l->l_addr + HT_PAGE_DOWN(lowest);
        ht_main_size = l->l_addr + highest - ht_main_start;
    }
}

bool ht_object_setup(void)
{
    loader = ht_loader();
    find_object = (int (*)(void *, struct found *))ht_libc_symbol("_dl_find_object");
#ifdef HT_OWN_OBJECT_TABLE /* the tests' build: as on glibc before 2.35 */
    find_object = NULL;
#endif
    find_main();
    ht_object_table_learn(loader);
    bool known = find_object || ht_object_table_setup(loader);
    if (known)
        ht_object_find((uint64_t)&ht_object_setup, &ht_self);
    return known;
}

static bool find_in_table(uint64_t pc, struct ht_object *o)
{
    struct ht_object_entry e;
    uint64_t unloads = atomic_load_explicit(&ht_unload_generation, memory_order_relaxed);
    if (!ht_object_table_find(pc, unloads, ht_sandboxed, &e))
        return false;
    *o = (struct ht_object){e.start, e.end, e.link_map, e.eh_frame_hdr};
    return true;
}

bool ht_object_find(uint64_t pc, struct ht_object *o)
{
    if (!find_object)
        return find_in_table(pc, o);
    struct found d;
    if (find_object((void *)pc, &d))
        return false;
    o->start = (uint64_t)d.map_start;
    o->end = (uint64_t)d.map_end;
    o->link_map = (uint64_t)d.link_map;
    if (d.link_map == main_map) {
        o->start = ht_main_start;
        o->end = ht_main_start + ht_main_size;
    }
    o->eh_frame_hdr = (uint64_t)d.eh_frame;
    return true;
}

const Elf64_Ehdr *ht_object_elf_header(const struct ht_object *o)
{
    const Elf64_Ehdr *e = (const Elf64_Ehdr *)o->start;
    return memcmp(e->e_ident, ELFMAG, SELFMAG) || e->e_ident[EI_CLASS] != ELFCLASS64 ||
                   e->e_phentsize != sizeof(Elf64_Phdr)
               ? NULL
               : e;
}

const Elf64_Phdr *ht_object_headers(const struct ht_object *o, uint32_t *n)
{
    const Elf64_Ehdr *e = ht_object_elf_header(o);
    if (!e)
        return NULL;
    *n = e->e_phnum;
    if (e->e_phoff < HT_PAGE_SIZE && e->e_phoff + *n * sizeof(Elf64_Phdr) <= HT_PAGE_SIZE)
        return (const Elf64_Phdr *)(o->start + e->e_phoff);
    return ht_sandboxed ? NULL : ht_object_table_headers(o->link_map, n);
}

bool ht_object_main(struct ht_object *o)
{
    /* Not AT_ENTRY: that is the loader's when the program is the loader's argument. */
    return loader && loader->r_map && ht_object_find((uint64_t)loader->r_map->l_ld, o);
}

void ht_object_forked(void)
{
    ht_object_table_forked();
}

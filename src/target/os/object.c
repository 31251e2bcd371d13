/* SPDX-License-Identifier: MIT */
/*
 * Which loaded object a pc lies in: glibc's _dl_find_object answers, without a lock, and for the
 * program itself its program headers do.
 */
#include "config.h"

#include "target/os/object.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <sys/auxv.h>

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

/* Of the program itself: the kernel leaves holes between its segments where the loader fills them
 * for a library, and then _dl_find_object answers with one segment (glibc 2.36, l_contiguous). */
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
        /* They may be the loader's own, when the program is its argument. */
        ours |= p[i].p_type == PT_DYNAMIC && l->l_addr + p[i].p_vaddr == (uint64_t)l->l_ld;
    }
    if (ours && lowest < highest) {
        main_map = l;
        ht_main_start = l->l_addr + (lowest & ~4095ull);
        ht_main_size = l->l_addr + highest - ht_main_start;
    }
}

bool ht_object_setup(void)
{
    loader = dlsym(RTLD_DEFAULT, "_r_debug");
    find_object = (int (*)(void *, struct found *))dlsym(RTLD_DEFAULT, "_dl_find_object");
    find_main();
    if (find_object)
        ht_object_find((uint64_t)&ht_object_setup, &ht_self);
    return find_object != NULL;
}

bool ht_object_find(uint64_t pc, struct ht_object *o)
{
    struct found d;
    if (!find_object || find_object((void *)pc, &d))
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

bool ht_object_main(struct ht_object *o)
{
    /* Not AT_ENTRY: that is the loader's when the program is the loader's argument. */
    return loader && loader->r_map && ht_object_find((uint64_t)loader->r_map->l_ld, o);
}

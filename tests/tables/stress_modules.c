/* SPDX-License-Identifier: MIT */
/* Modules: more of them than there are slots, and libraries replaced at their place, each recorded once. */
#include "config.h"

#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "stress.h"
#include "target/stack/module.h"

enum { OBJECTS = 300, GENERATIONS = 3, PAGE = 4096 };

static unsigned char *pages;
static struct link_map maps[OBJECTS];
static char names[OBJECTS][32];
static struct ht_object objects[OBJECTS];
static _Atomic ht_ref known[OBJECTS][GENERATIONS];

/* The first page of a library: headers and, in two of three, a build-id. */
static void load(unsigned k, unsigned generation)
{
    unsigned char *page = pages + (size_t)k * PAGE;
    Elf64_Ehdr *e = (Elf64_Ehdr *)page;
    Elf64_Phdr *p = (Elf64_Phdr *)(e + 1);
    memset(page, 0, PAGE);
    memcpy(e->e_ident, ELFMAG, SELFMAG);
    e->e_ident[EI_CLASS] = ELFCLASS64;
    e->e_phoff = sizeof *e;
    e->e_phentsize = sizeof *p;
    e->e_phnum = 2;
    p[0] =
        (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = PAGE, .p_memsz = PAGE};
    p[1] = (Elf64_Phdr){.p_type = k % 3 ? PT_NOTE : PT_NULL, .p_vaddr = 1024, .p_memsz = 36};
    Elf64_Nhdr *n = (Elf64_Nhdr *)(page + 1024);
    *n = (Elf64_Nhdr){4, 20, NT_GNU_BUILD_ID};
    memcpy(n + 1, "GNU", 4);
    snprintf((char *)(n + 1) + 4, 20, "%08u.%u", k, generation);
}

static unsigned generation_now;

static void find_modules(unsigned thread)
{
    for (unsigned g = 0; g < GENERATIONS; g++) {
        for (unsigned i = 0; i < OBJECTS; i++) {
            if (i % 50 == 0)
                ht_together();
            unsigned k = (i / 50 * 50 + (i * 7 + (thread & 3)) % 50) % OBJECTS;
            ht_ref ref = ht_module_of(&objects[k]), first = 0;
            if (!CHECK(ref, "there is room for a module"))
                continue;
            if (!atomic_compare_exchange_strong(&known[k][g], &first, ref))
                CHECK(first == ref, "one object has one module record");
            CHECK(!g || ref != known[k][g - 1], "a reloaded object has a record of its own");
        }
        ht_together();
        if (thread == 0 && g + 1 < GENERATIONS) {
            generation_now = g + 1;
            for (unsigned k = 0; k < OBJECTS; k++)
                load(k, g + 1);
            atomic_fetch_add(&ht_unload_generation, 1);
        }
        ht_together();
    }
}

static void watch_modules(const struct ht_view *v)
{
    struct ht_cursor c = {.kind = HT_KIND_MODULE};
    const struct ht_module *m;
    while ((m = ht_view_next(v, &c))) {
        uint32_t n;
        const char *path = ht_view_path(v, m, &n);
        unsigned k = (unsigned)((m->start - (uint64_t)pages) / PAGE);
        CHECK(m->path && m->end == m->start + PAGE && k < OBJECTS &&
                  m->link_map == (uint64_t)&maps[k],
              "a module that is seen has its bounds and link map");
        CHECK(m->n_segments == 1 && m->bias == m->start && m->build_id_size == (k % 3 ? 20 : 0),
              "a module that is seen has its segment and build id");
        CHECK(n ? !strcmp(path, names[k]) : !ht_view_at(v, m->path, 1),
              "a module that is seen has its path, or none");
    }
}

void stress_modules(void)
{
    pages = mmap(NULL, (size_t)OBJECTS * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                 -1, 0);
    for (unsigned k = 0; k < OBJECTS; k++) {
        snprintf(names[k], sizeof names[k], "/lib/library%u.so", k);
        maps[k].l_name = names[k];
        maps[k].l_addr = (uint64_t)(pages + (size_t)k * PAGE);
        objects[k] =
            (struct ht_object){maps[k].l_addr, maps[k].l_addr + PAGE, (uint64_t)&maps[k], 0};
        load(k, 0);
    }
    ht_crowd(find_modules, watch_modules);
    struct ht_view v;
    ht_own_view(&v);
    struct ht_cursor c = {.kind = HT_KIND_MODULE};
    unsigned n = 0;
    while (ht_view_next(&v, &c))
        n++;
    CHECK(n == OBJECTS * GENERATIONS, "each object has a module for each load");
}

/* SPDX-License-Identifier: MIT */
/*
 * All sources of names for one binary: its debug information first, then its symbols.
 */
#include "config.h"

#include "symbolize/module.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "profile/profile.h"
#include "symbolize/dwarf.h"
#include "symbolize/fde.h"
#include "symbolize/symtab.h"

int ht_sym_module_open(struct ht_sym_module *m, const struct ht_find *what, bool want_debug)
{
    *m = (struct ht_sym_module){.mini.fd = -1};
    return ht_find_open(&m->found, what, want_debug);
}

void ht_sym_module_finish(struct ht_sym_module *m)
{
    ht_symtab_destroy(m->symtab);
    ht_fdes_destroy(m->fdes);
    ht_dwarf_close(m->dwarf);
    ht_elf_finish(&m->mini);
    ht_find_finish(&m->found);
    ht_pool_finish(&m->pool);
}

const struct ht_segments *ht_sym_module_segments(const struct ht_sym_module *m)
{
    return m->found.main.elf ? &m->found.main.segments : &m->found.debug.segments;
}

static const char *symbol_name(void *arg, uint64_t vaddr)
{
    return ht_symtab_find(arg, vaddr, NULL);
}

static int load_symbols(struct ht_sym_module *m)
{
    const struct ht_elf *files[3];
    size_t n = 0;
    if (m->found.main.elf)
        files[n++] = &m->found.main;
    if (m->found.debug.elf)
        files[n++] = &m->found.debug;
    if (m->found.main.elf && !m->found.main.has_symtab && !m->found.debug.has_symtab &&
        ht_elf_minidebug(&m->found.main, &m->mini) == 0)
        files[n++] = &m->mini;
    m->symtab = ht_symtab_create(files, n, HT_SYMBOL_FUNCTION);
    return m->symtab ? 0 : -ENOMEM;
}

/* A function without a name is named by its place: "+0x3f2a10". *name stays NULL where no
 * function is known. 0 or -ENOMEM. */
static int place_name(struct ht_sym_module *m, uint64_t vaddr, const char **name)
{
    uint64_t start;
    char text[24];
    if (!m->fdes && m->found.main.elf && !(m->fdes = ht_fdes_create(m->found.main.elf)))
        return -ENOMEM;
    if (!m->fdes || !ht_fdes_find(m->fdes, vaddr, &start, NULL))
        return 0;
    snprintf(text, sizeof text, HT_PLACE_NAME "%" PRIx64, start);
    *name = ht_pool_str(&m->pool, text);
    return *name ? 0 : -ENOMEM;
}

int ht_sym_module_resolve(struct ht_sym_module *m, struct ht_addr *addrs, size_t n, bool dwarf,
                          bool (*tick)(void *arg, size_t done), void *tick_arg)
{
    if (n == 0)
        return 0;
    if (!m->symtab && load_symbols(m))
        return -ENOMEM;
    if (dwarf && !m->dwarf) {
        Elf *with = m->found.main.has_dwarf ? m->found.main.elf : m->found.debug.elf;
        m->dwarf = with ? ht_dwarf_open(with) : NULL;
    }
    if (dwarf && m->dwarf) {
        int err =
            ht_dwarf_resolve(m->dwarf, addrs, n, &m->pool, symbol_name, m->symtab, tick, tick_arg);
        if (err)
            return err;
    }
    for (size_t i = 0; i < n; i++) {
        if (addrs[i].n_frames)
            continue;
        const char *name = ht_symtab_find(m->symtab, addrs[i].vaddr, NULL);
        if (!name && place_name(m, addrs[i].vaddr, &name))
            return -ENOMEM;
        if (!name)
            continue;
        struct ht_sym_frame *f = ht_pool_alloc(&m->pool, sizeof *f);
        if (!f)
            return -ENOMEM;
        f->name = name;
        addrs[i].frames = f;
        addrs[i].n_frames = 1;
    }
    return 0;
}

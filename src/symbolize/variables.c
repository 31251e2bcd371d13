/* SPDX-License-Identifier: MIT */
/* A stripped binary has only exported variables; its debug file is asked for then. */
#include "config.h"

#include "symbolize/variables.h"

#include <gelf.h>
#include <stdlib.h>

#include "symbolize/find.h"
#include "symbolize/symtab.h"

struct ht_variables {
    struct ht_found found;
    struct ht_symtab *data, *local;
    uint64_t local_size;
};

static int open_found(struct ht_variables *v, const struct ht_find *what)
{
    int err = ht_find_open(&v->found, what, false);
    if (err || v->found.main.has_symtab)
        return err;
    ht_find_finish(&v->found);
    v->found = (struct ht_found){0};
    return ht_find_open(&v->found, what, true);
}

/* Blocks lie right below the thread pointer (variant II), the program's own last, each aligned. */
static uint64_t local_size(Elf *elf)
{
    size_t n = 0;
    if (elf_getphdrnum(elf, &n))
        return 0;
    for (size_t i = 0; i < n; i++) {
        GElf_Phdr p;
        if (!gelf_getphdr(elf, (int)i, &p) || p.p_type != PT_TLS)
            continue;
        uint64_t align = p.p_align ? p.p_align : 1;
        return p.p_memsz > UINT32_MAX || align > UINT32_MAX || (align & (align - 1))
                   ? 0
                   : (p.p_memsz + align - 1) & ~(align - 1);
    }
    return 0;
}

struct ht_variables *ht_variables_open(const struct ht_find *what)
{
    struct ht_variables *v = calloc(1, sizeof *v);
    const struct ht_elf *files[2];
    size_t n = 0;
    if (!v || open_found(v, what)) {
        free(v);
        return NULL;
    }
    if (v->found.main.elf)
        files[n++] = &v->found.main;
    if (v->found.debug.elf)
        files[n++] = &v->found.debug;
    v->data = ht_symtab_create(files, n, HT_SYMBOL_VARIABLE);
    v->local = ht_symtab_create(files, n, HT_SYMBOL_THREAD_LOCAL);
    if (!v->data || !v->local) {
        ht_variables_close(v);
        return NULL;
    }
    v->local_size = n ? local_size(files[0]->elf) : 0;
    return v;
}

void ht_variables_close(struct ht_variables *v)
{
    if (!v)
        return;
    ht_symtab_destroy(v->data);
    ht_symtab_destroy(v->local);
    ht_find_finish(&v->found);
    free(v);
}

static const char *find(const struct ht_symtab *t, uint64_t at, uint64_t *within)
{
    uint64_t start = 0;
    const char *name = ht_symtab_find(t, at, &start);
    *within = name ? at - start : 0;
    return name;
}

const char *ht_variables_find(const struct ht_variables *v, uint64_t vaddr, uint64_t *within)
{
    return find(v->data, vaddr, within);
}

const char *ht_variables_find_local(const struct ht_variables *v, uint64_t offset, uint64_t *within)
{
    return find(v->local, offset, within);
}

uint64_t ht_variables_local_size(const struct ht_variables *v)
{
    return v->local_size;
}

/* SPDX-License-Identifier: MIT */
/*
 * Gathers the symbols of one kind of all tables and sorts them by address. Of several around an
 * address the nearest and smallest is taken, then the one with the best name.
 */
#include "config.h"

#include "symbolize/symtab.h"

#include <gelf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "symbolize/elffile.h"

struct symbol {
    uint64_t start, end; /* end 0: size unknown (assembly); reaches to the next symbol */
    uint64_t reach;      /* the largest end of all symbols up to this one */
    const char *name;
    uint32_t order; /* in the table */
    uint8_t score;  /* among names of one function: exported first, then plain ones */
    bool typed;     /* of the kind that was asked for, not STT_NOTYPE */
};

struct ht_symtab {
    struct symbol *symbols;
    size_t n, cap;
    enum ht_symbol_kind kind;
};

static int by_address(const void *pa, const void *pb)
{
    const struct symbol *a = pa, *b = pb;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static bool executable(Elf *elf, const GElf_Sym *s, uint64_t *section_end)
{
    GElf_Shdr sh;
    if (s->st_shndx == SHN_UNDEF || s->st_shndx >= SHN_LORESERVE)
        return false;
    Elf_Scn *scn = elf_getscn(elf, s->st_shndx);
    if (!scn || !gelf_getshdr(scn, &sh) || !(sh.sh_flags & SHF_EXECINSTR))
        return false;
    *section_end = sh.sh_addr + sh.sh_size;
    return s->st_value >= sh.sh_addr && s->st_value < *section_end;
}

/* Whether a symbol is of the kind. *limit: it ends there at the latest. */
static bool wanted(enum ht_symbol_kind kind, Elf *elf, const GElf_Sym *s, bool *typed,
                   uint64_t *limit)
{
    unsigned type = GELF_ST_TYPE(s->st_info);
    *limit = UINT64_MAX;
    *typed = true;
    if (kind != HT_SYMBOL_FUNCTION)
        return type == (kind == HT_SYMBOL_VARIABLE ? STT_OBJECT : STT_TLS) && s->st_size &&
               s->st_shndx != SHN_UNDEF && s->st_shndx < SHN_LORESERVE;
    *typed = type == STT_FUNC || type == STT_GNU_IFUNC;
    return (*typed || type == STT_NOTYPE) && executable(elf, s, limit);
}

static bool add(struct ht_symtab *t, struct symbol s)
{
    if (t->n == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 1024;
        struct symbol *bigger = reallocarray(t->symbols, cap, sizeof *bigger);
        if (!bigger)
            return false;
        t->symbols = bigger;
        t->cap = cap;
    }
    t->symbols[t->n++] = s;
    return true;
}

/* False only when out of memory. */
static bool read_table(struct ht_symtab *t, Elf *elf, unsigned type)
{
    for (Elf_Scn *scn = NULL; (scn = elf_nextscn(elf, scn));) {
        GElf_Shdr sh;
        Elf_Data *d;
        if (!gelf_getshdr(scn, &sh) || sh.sh_type != type || sh.sh_entsize == 0 ||
            !(d = elf_getdata(scn, NULL)))
            continue;
        size_t n = d->d_size / sizeof(Elf64_Sym);
        for (size_t i = 1; i < n && i < UINT32_MAX; i++) {
            GElf_Sym s;
            uint64_t limit;
            bool typed;
            if (!gelf_getsym(d, (int)i, &s))
                break;
            if (!wanted(t->kind, elf, &s, &typed, &limit))
                continue;
            const char *name = elf_strptr(elf, sh.sh_link, s.st_name);
            if (!name || !*name || *name == '$')
                continue;
            uint64_t end = s.st_size ? s.st_value + s.st_size : 0;
            if (end > limit || (end && end < s.st_value))
                end = limit;
            bool local = GELF_ST_BIND(s.st_info) == STB_LOCAL;
            size_t underscores = strspn(name, "_");
            if (!add(t,
                     (struct symbol){.start = s.st_value,
                                     .end = end,
                                     .name = name,
                                     .typed = typed,
                                     .order = (uint32_t)t->n,
                                     .score = (uint8_t)((local ? 0 : 8) +
                                                        (underscores < 7 ? 7 - underscores : 0))}))
                return false;
        }
    }
    return true;
}

struct ht_symtab *ht_symtab_create(const struct ht_elf *const *files, size_t n,
                                   enum ht_symbol_kind kind)
{
    struct ht_symtab *t = calloc(1, sizeof *t);
    bool ok = t != NULL, full = false;
    if (t)
        t->kind = kind;
    for (size_t i = 0; ok && i < n && !full; i++)
        if ((full = files[i]->has_symtab))
            ok = read_table(t, files[i]->elf, SHT_SYMTAB);
    for (size_t i = 0; ok && i < n; i++)
        ok = read_table(t, files[i]->elf, SHT_DYNSYM);
    if (!ok) {
        ht_symtab_destroy(t);
        return NULL;
    }
    if (t->n)
        qsort(t->symbols, t->n, sizeof *t->symbols, by_address);
    uint64_t reach = 0, next = UINT64_MAX;
    for (size_t i = t->n; i-- > 0;) {
        struct symbol *s = &t->symbols[i];
        if (i + 1 < t->n && t->symbols[i + 1].start != s->start)
            next = t->symbols[i + 1].start;
        if (!s->end)
            s->end = next == UINT64_MAX ? s->start + 1 : next;
    }
    for (size_t i = 0; i < t->n; i++) {
        if (t->symbols[i].end > reach)
            reach = t->symbols[i].end;
        t->symbols[i].reach = reach;
    }
    return t;
}

void ht_symtab_destroy(struct ht_symtab *t)
{
    if (!t)
        return;
    free(t->symbols);
    free(t);
}

/* True when a is the better name than b: "malloc" is better than "__libc_malloc", and any better
 * than "__malloc_alias_2". */
static bool better(const struct symbol *a, const struct symbol *b)
{
    if (!b || a->typed != b->typed)
        return !b || a->typed;
    if (a->start != b->start)
        return a->start > b->start;
    if (a->end != b->end)
        return a->end < b->end;
    return a->score != b->score ? a->score > b->score : a->order < b->order;
}

const char *ht_symtab_find(const struct ht_symtab *t, uint64_t vaddr, uint64_t *start)
{
    size_t lo = 0, hi = t->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (t->symbols[mid].start <= vaddr)
            lo = mid + 1;
        else
            hi = mid;
    }
    const struct symbol *best = NULL;
    /* A hostile table could nest a million symbols in one; the search ends after a few thousand. */
    for (size_t i = lo, steps = 0; i-- > 0 && steps < 4096; steps++) {
        const struct symbol *s = &t->symbols[i];
        if (s->reach <= vaddr || (best && best->typed && s->start < best->start))
            break;
        if (vaddr < s->end && better(s, best))
            best = s;
    }
    if (best && start)
        *start = best->start;
    return best ? best->name : NULL;
}

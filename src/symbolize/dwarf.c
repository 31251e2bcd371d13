/* SPDX-License-Identifier: MIT */
/*
 * Units are found by .debug_aranges, or by the ranges of all units where that is missing or
 * incomplete. All addresses of a unit are answered in one walk of its tree (dwarf_walk.c); lines
 * come from its line table.
 */
#include "config.h"

#include "symbolize/dwarf.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "symbolize/dwarf_walk.h"

enum { RANGES_MAX = 1 << 20 };

struct cu_range {
    uint64_t lo, hi;
    Dwarf_Off cu; /* offset of the unit's DIE */
};

struct ht_dwarf {
    Dwarf *dw;
    struct cu_range *ranges; /* sorted by lo; of all units, when aranges did not suffice */
    size_t n_ranges, cap_ranges;
    bool indexed;
    uint64_t visits; /* DIEs walked over, with a limit for hostile files */
};

/* The unit whose addresses are being named. */
struct unit {
    struct ht_walk walk;
    struct ht_pool *pool;
    const char *dir; /* DW_AT_comp_dir; NULL when unknown */
    struct {
        const char *relative, *joined;
    } paths[16]; /* of file names, by their address */
};

struct ht_dwarf *ht_dwarf_open(Elf *elf)
{
    struct ht_dwarf *d = calloc(1, sizeof *d);
    if (d && !(d->dw = dwarf_begin_elf(elf, DWARF_C_READ, NULL))) {
        free(d);
        return NULL;
    }
    return d;
}

void ht_dwarf_close(struct ht_dwarf *d)
{
    if (!d)
        return;
    dwarf_end(d->dw);
    free(d->ranges);
    free(d);
}

static int by_lo(const void *pa, const void *pb)
{
    const struct cu_range *a = pa, *b = pb;
    return a->lo < b->lo ? -1 : a->lo > b->lo;
}

/* Asks every unit for its ranges: clang writes no .debug_aranges. */
static int index_units(struct ht_dwarf *d)
{
    d->indexed = true;
    Dwarf_CU *cu = NULL;
    Dwarf_Die die;
    uint8_t type;
    while (dwarf_get_units(d->dw, cu, &cu, NULL, &type, &die, NULL) == 0) {
        if (type != DW_UT_compile && type != DW_UT_skeleton)
            continue;
        Dwarf_Addr base, lo, hi;
        ptrdiff_t at = 0;
        for (int i = 0; i < RANGES_MAX && (at = dwarf_ranges(&die, at, &base, &lo, &hi)) > 0; i++) {
            /* Ranges of functions that the linker dropped begin at 0. */
            if (lo == 0 || hi <= lo)
                continue;
            if (d->n_ranges == d->cap_ranges) {
                size_t cap = d->cap_ranges ? 2 * d->cap_ranges : 1024;
                struct cu_range *bigger = reallocarray(d->ranges, cap, sizeof *bigger);
                if (!bigger)
                    return -ENOMEM;
                d->ranges = bigger;
                d->cap_ranges = cap;
            }
            d->ranges[d->n_ranges++] = (struct cu_range){lo, hi, dwarf_dieoffset(&die)};
        }
    }
    if (d->n_ranges)
        qsort(d->ranges, d->n_ranges, sizeof *d->ranges, by_lo);
    return 0;
}

static int find_unit(struct ht_dwarf *d, Dwarf_Aranges *aranges, uint64_t vaddr, Dwarf_Off *cu)
{
    Dwarf_Arange *ar = aranges ? dwarf_getarange_addr(aranges, vaddr) : NULL;
    if (ar && dwarf_getarangeinfo(ar, NULL, NULL, cu) == 0)
        return 0;
    if (!d->indexed && index_units(d))
        return -ENOMEM;
    size_t lo = 0, hi = d->n_ranges;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (d->ranges[mid].lo <= vaddr)
            lo = mid + 1;
        else
            hi = mid;
    }
    /* Units seldom overlap; look a little further back when the nearest ends too early. */
    for (int back = 0; lo-- > 0 && back < 16; back++)
        if (vaddr < d->ranges[lo].hi) {
            *cu = d->ranges[lo].cu;
            return 0;
        }
    return -ENOENT;
}

static const char *string_attr(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute a;
    return dwarf_attr_integrate(die, name, &a) ? dwarf_formstring(&a) : NULL;
}

static const char *linkage_name(Dwarf_Die *die)
{
    const char *s = string_attr(die, DW_AT_linkage_name);
    return s ? s : string_attr(die, DW_AT_MIPS_linkage_name);
}

static uint32_t number_attr(Dwarf_Die *die, unsigned name, bool integrate)
{
    Dwarf_Attribute a;
    Dwarf_Word v;
    Dwarf_Attribute *found =
        integrate ? dwarf_attr_integrate(die, name, &a) : dwarf_attr(die, name, &a);
    return found && dwarf_formudata(found, &v) == 0 && v <= INT32_MAX ? (uint32_t)v : 0;
}

/* Line tables leave the compilation's directory out of what lies below it. */
static const char *absolute(struct unit *u, const char *file)
{
    if (!file || *file == '/' || !u->dir)
        return file;
    size_t slot = (uintptr_t)file / 8 % (sizeof u->paths / sizeof *u->paths);
    if (u->paths[slot].relative != file) {
        size_t n = strlen(u->dir), m = strlen(file) + 1;
        char *path = ht_pool_alloc(u->pool, n + 1 + m);
        if (!path)
            return file;
        memcpy(path, u->dir, n);
        path[n] = '/';
        memcpy(path + n + 1, file, m);
        u->paths[slot].relative = file;
        u->paths[slot].joined = path;
    }
    return u->paths[slot].joined;
}

/* The last row at or below the address that does not end a sequence. */
static void find_line(Dwarf_Lines *lines, size_t n, uint64_t vaddr, struct ht_sym_frame *f)
{
    size_t lo = 0, hi = n;
    Dwarf_Addr a;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        Dwarf_Line *l = dwarf_onesrcline(lines, mid);
        if (!l || dwarf_lineaddr(l, &a))
            return;
        if (a <= vaddr)
            lo = mid + 1;
        else
            hi = mid;
    }
    bool end;
    int line;
    Dwarf_Line *l = lo ? dwarf_onesrcline(lines, lo - 1) : NULL;
    if (!l || dwarf_lineendsequence(l, &end) || end)
        return;
    f->file = dwarf_linesrc(l, NULL, NULL);
    f->line = dwarf_lineno(l, &line) == 0 && line > 0 ? (uint32_t)line : 0;
}

/* The symbol's name is better where the compiler split or cloned the function ("main.cold"), and
 * where DWARF has only the bare name of a mangled one. An alias is not. */
static bool says_more(const char *symbol, const char *name)
{
    size_t n = strlen(name);
    if (!strncmp(symbol, name, n))
        return symbol[n] == '.';
    return symbol[0] == '_' && (symbol[1] == 'Z' || symbol[1] == 'R' || symbol[1] == 'D') &&
           strncmp(name, symbol, 2) && strstr(symbol, name);
}

static int write_frames(struct unit *u, struct ht_dwarf_match *h, const struct ht_sym_frame *leaf,
                        Dwarf_Files *files, size_t n_files, ht_symbol_fn symbol, void *symbol_arg)
{
    uint32_t n = 1;
    for (struct ht_inlined *c = h->inlined; c; c = c->caller)
        n++;
    struct ht_sym_frame *f = ht_pool_array(u->pool, n, sizeof *f);
    if (!f)
        return -ENOMEM;
    h->addr->frames = f;
    h->addr->n_frames = n;
    *f = *leaf;
    for (struct ht_inlined *c = h->inlined; c; c = c->caller, f++) {
        f->name = linkage_name(&c->die);
        if (!f->name)
            f->name = string_attr(&c->die, DW_AT_name);
        f->start_line = number_attr(&c->die, DW_AT_decl_line, true);
        uint32_t file = number_attr(&c->die, DW_AT_call_file, false);
        if (file < n_files)
            f[1].file = absolute(u, dwarf_filesrc(files, file, NULL, NULL));
        f[1].line = number_attr(&c->die, DW_AT_call_line, false);
    }
    const char *sym = symbol(symbol_arg, h->addr->vaddr);
    if (h->found) {
        f->start_line = number_attr(&h->function, DW_AT_decl_line, true);
        f->name = linkage_name(&h->function);
        if (!f->name)
            f->name = string_attr(&h->function, DW_AT_name);
    }
    if (sym && (!f->name || says_more(sym, f->name)))
        f->name = sym;
    return 0;
}

static int resolve_unit(struct ht_dwarf *d, struct unit *u, ht_symbol_fn symbol, void *symbol_arg)
{
    struct ht_walk *w = &u->walk;
    Dwarf_Die cu, split;
    Dwarf_Attribute a;
    uint8_t type;
    if (!dwarf_offdie(d->dw, w->hits[0].cu, &cu))
        return 0;
    w->cu = cu;
    if (dwarf_cu_info(cu.cu, NULL, &type, NULL, &split, NULL, NULL, NULL) == 0 &&
        type == DW_UT_skeleton && split.addr)
        w->cu = split;
    u->dir = dwarf_formstring(dwarf_attr(&cu, DW_AT_comp_dir, &a));
    if (ht_walk_unit(w))
        return -ENOMEM;

    Dwarf_Lines *lines = NULL;
    Dwarf_Files *files = NULL;
    size_t n_lines = 0, n_files = 0;
    if (dwarf_getsrclines(&cu, &lines, &n_lines))
        n_lines = 0;
    if (dwarf_getsrcfiles(&w->cu, &files, &n_files) && dwarf_getsrcfiles(&cu, &files, &n_files))
        n_files = 0;
    for (size_t i = 0; i < w->n; i++) {
        struct ht_sym_frame leaf = {0};
        find_line(lines, n_lines, w->hits[i].addr->vaddr, &leaf);
        if (!w->hits[i].found && !leaf.file)
            continue;
        leaf.file = absolute(u, leaf.file);
        if (write_frames(u, &w->hits[i], &leaf, files, n_files, symbol, symbol_arg))
            return -ENOMEM;
    }
    return 0;
}

static int by_unit(const void *pa, const void *pb)
{
    const struct ht_dwarf_match *a = pa, *b = pb;
    if (a->cu != b->cu)
        return a->cu < b->cu ? -1 : 1;
    return a->addr->vaddr < b->addr->vaddr ? -1 : a->addr->vaddr > b->addr->vaddr;
}

int ht_dwarf_resolve(struct ht_dwarf *d, struct ht_addr *addrs, size_t n, struct ht_pool *pool,
                     ht_symbol_fn symbol, void *symbol_arg, bool (*tick)(void *arg, size_t done),
                     void *tick_arg)
{
    struct ht_pool scratch = {0};
    struct ht_dwarf_match *hits = ht_pool_array(&scratch, n, sizeof *hits);
    if (!hits)
        return -ENOMEM;
    Dwarf_Aranges *aranges = NULL;
    if (dwarf_getaranges(d->dw, &aranges, NULL))
        aranges = NULL;
    size_t n_hits = 0;
    int err = 0;
    for (size_t i = 0; i < n && err != -ENOMEM; i++) {
        err = find_unit(d, aranges, addrs[i].vaddr, &hits[n_hits].cu);
        if (!err)
            hits[n_hits++].addr = &addrs[i];
    }
    err = err == -ENOMEM ? err : 0;
    if (n_hits)
        qsort(hits, n_hits, sizeof *hits, by_unit);
    for (size_t i = 0; i < n_hits && !err;) {
        size_t first = i;
        while (i < n_hits && hits[i].cu == hits[first].cu)
            i++;
        struct unit u = {
            .pool = pool,
            .walk = {
                .hits = hits + first, .n = i - first, .scratch = &scratch, .visits = &d->visits}};
        err = resolve_unit(d, &u, symbol, symbol_arg);
        if (!err && tick && !tick(tick_arg, i))
            err = -EINTR;
    }
    ht_pool_finish(&scratch);
    return err;
}

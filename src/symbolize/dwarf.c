/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "symbolize/dwarf.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Deeper nesting is not made by compilers; a hostile file could nest without end. */
enum { DEPTH_MAX = 128, RANGES_MAX = 1 << 20, VISITS_MAX = 100 << 20 };

struct cu_range {
    uint64_t lo, hi;
    Dwarf_Off cu; /* offset of its DIE */
};

struct ht_dwarf {
    Dwarf *dw;
    struct cu_range *ranges; /* sorted by lo; of all units, when aranges did not suffice */
    size_t n_ranges, cap_ranges;
    bool indexed;
    uint64_t visits; /* DIEs walked over, to end what a hostile file would make endless */
};

/* A call that was inlined, on the way from an address out to its function. */
struct inlined {
    struct inlined *caller; /* NULL: the function itself */
    Dwarf_Die die;
};

/* An address at work. */
struct hit {
    struct ht_addr *addr;
    Dwarf_Off cu;
    Dwarf_Die function;
    uint64_t size; /* of the range that has the address: the smallest wins */
    struct inlined *inlined;
    bool found;
};

struct unit {
    struct ht_dwarf *d;
    Dwarf_Die cu;
    const void *last; /* DIE of the walk that goes on */
    struct hit *hits; /* sorted by address */
    size_t n;
    struct ht_pool *pool;
    struct ht_pool *scratch;
    const char *dir; /* DW_AT_comp_dir; NULL when unknown */
    const char *relative, *joined; /* the last relative file name and what it became */
    bool deep; /* look for functions inside functions and types too */
    bool no_memory;
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
            /* A linker leaves dropped functions' ranges at 0. */
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

/* The hits in [lo, hi) as a slice of a sorted array. */
static struct hit *slice(struct unit *u, uint64_t lo, uint64_t hi, size_t *n)
{
    size_t a = 0, b = u->n;
    while (a < b) {
        size_t mid = a + (b - a) / 2;
        if (u->hits[mid].addr->vaddr < lo)
            a = mid + 1;
        else
            b = mid;
    }
    size_t first = a;
    while (a < u->n && u->hits[a].addr->vaddr < hi)
        a++;
    *n = a - first;
    return u->hits + first;
}

static void match_function(struct unit *u, Dwarf_Die *die)
{
    Dwarf_Addr base, lo, hi;
    ptrdiff_t at = 0;
    for (int i = 0; i < RANGES_MAX && (at = dwarf_ranges(die, at, &base, &lo, &hi)) > 0; i++) {
        size_t n;
        struct hit *h = slice(u, lo, hi, &n);
        for (; n; n--, h++)
            if (!h->found || hi - lo < h->size) {
                h->found = true;
                h->function = *die;
                h->size = hi - lo;
            }
    }
}

/* A walk meets DIEs in the order they lie in. Where a damaged file lets a child's list run on into
 * its parent's, each level would walk the rest again: twice the work a level. */
static bool goes_on(struct unit *u, const Dwarf_Die *die)
{
    if ((const char *)die->addr <= (const char *)u->last || ++u->d->visits > VISITS_MAX)
        return false;
    u->last = die->addr;
    return true;
}

static void find_functions(struct unit *u, Dwarf_Die *parent, int depth)
{
    Dwarf_Die die;
    if (depth > DEPTH_MAX || dwarf_child(parent, &die))
        return;
    do {
        if (!goes_on(u, &die))
            return;
        int tag = dwarf_tag(&die);
        if (tag == DW_TAG_subprogram)
            match_function(u, &die);
        if (tag == DW_TAG_namespace || tag == DW_TAG_module ||
            (u->deep && (tag == DW_TAG_subprogram || tag == DW_TAG_lexical_block ||
                         tag == DW_TAG_structure_type || tag == DW_TAG_class_type ||
                         tag == DW_TAG_union_type || tag == DW_TAG_inlined_subroutine)))
            find_functions(u, &die, depth + 1);
    } while (dwarf_siblingof(&die, &die) == 0);
}

/* Those of the n hits that lie in the DIE's ranges, into in. */
static size_t within(Dwarf_Die *die, struct hit **hits, size_t n, struct hit **in)
{
    Dwarf_Addr base, lo, hi;
    ptrdiff_t at = 0;
    size_t found = 0;
    for (int i = 0; i < RANGES_MAX && (at = dwarf_ranges(die, at, &base, &lo, &hi)) > 0; i++)
        for (size_t k = 0; k < n && found < n; k++)
            if (hits[k]->addr->vaddr >= lo && hits[k]->addr->vaddr < hi)
                in[found++] = hits[k];
    return found;
}

static void find_inlined(struct unit *u, Dwarf_Die *parent, struct hit **hits, size_t n,
                         struct inlined *caller, int depth)
{
    Dwarf_Die die;
    if (depth > DEPTH_MAX || dwarf_child(parent, &die))
        return;
    struct hit **in = ht_pool_array(u->scratch, n, sizeof *in);
    if (!in) {
        u->no_memory = true;
        return;
    }
    do {
        if (!goes_on(u, &die))
            return;
        int tag = dwarf_tag(&die);
        if (tag == DW_TAG_lexical_block || tag == DW_TAG_try_block || tag == DW_TAG_catch_block) {
            size_t m = within(&die, hits, n, in);
            if (m)
                find_inlined(u, &die, in, m, caller, depth + 1);
            else if (!dwarf_hasattr(&die, DW_AT_low_pc) && !dwarf_hasattr(&die, DW_AT_ranges))
                find_inlined(u, &die, hits, n, caller, depth + 1);
        } else if (tag == DW_TAG_inlined_subroutine) {
            size_t m = within(&die, hits, n, in);
            struct inlined *call = m ? ht_pool_alloc(u->scratch, sizeof *call) : NULL;
            if (m && !call) {
                u->no_memory = true;
                return;
            }
            if (!call)
                continue;
            *call = (struct inlined){caller, die};
            for (size_t i = 0; i < m; i++)
                in[i]->inlined = call;
            find_inlined(u, &die, in, m, call, depth + 1);
        }
    } while (!u->no_memory && dwarf_siblingof(&die, &die) == 0);
}

/* Walks each function that was hit once, for all its hits. */
static void find_all_inlined(struct unit *u)
{
    struct hit **same = ht_pool_array(u->scratch, u->n, sizeof *same);
    if (!same) {
        u->no_memory = true;
        return;
    }
    for (size_t i = 0; i < u->n && !u->no_memory;) {
        if (!u->hits[i].found) {
            i++;
            continue;
        }
        Dwarf_Off off = dwarf_dieoffset(&u->hits[i].function);
        size_t n = 0;
        while (i < u->n && u->hits[i].found && dwarf_dieoffset(&u->hits[i].function) == off)
            same[n++] = &u->hits[i++];
        u->last = NULL;
        find_inlined(u, &same[0]->function, same, n, NULL, 0);
    }
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
    if (u->relative != file) {
        size_t n = strlen(u->dir), m = strlen(file) + 1;
        char *path = ht_pool_alloc(u->pool, n + 1 + m);
        if (!path)
            return file;
        memcpy(path, u->dir, n);
        path[n] = '/';
        memcpy(path + n + 1, file, m);
        u->relative = file;
        u->joined = path;
    }
    return u->joined;
}

/* The last row at or below the address that does not end a sequence. */
static void find_line(Dwarf_Lines *lines, size_t n, uint64_t vaddr, struct ht_frame *f)
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

/* A symbol does where the compiler split or cloned the function ("main.cold"), and where DWARF has
 * but the bare name of a mangled one. An alias does not. */
static bool says_more(const char *symbol, const char *name)
{
    size_t n = strlen(name);
    if (!strncmp(symbol, name, n))
        return symbol[n] == '.';
    return symbol[0] == '_' && (symbol[1] == 'Z' || symbol[1] == 'R' || symbol[1] == 'D') &&
           strncmp(name, symbol, 2) && strstr(symbol, name);
}

static int write_frames(struct unit *u, struct hit *h, const struct ht_frame *leaf,
                        Dwarf_Files *files, size_t n_files, ht_symbol_fn symbol, void *symbol_arg)
{
    uint32_t n = 1;
    for (struct inlined *c = h->inlined; c; c = c->caller)
        n++;
    struct ht_frame *f = ht_pool_array(u->pool, n, sizeof *f);
    if (!f)
        return -ENOMEM;
    h->addr->frames = f;
    h->addr->n_frames = n;
    *f = *leaf;
    for (struct inlined *c = h->inlined; c; c = c->caller, f++) {
        f->name = linkage_name(&c->die);
        if (!f->name)
            f->name = string_attr(&c->die, DW_AT_name);
        f->start_line = number_attr(&c->die, DW_AT_decl_line, true);
        uint32_t file = number_attr(&c->die, DW_AT_call_file, false);
        if (file < n_files)
            f[1].file = absolute(u, dwarf_filesrc(files, file, NULL, NULL));
        f[1].line = number_attr(&c->die, DW_AT_call_line, false);
    }
    uint64_t start = 0;
    const char *sym = symbol ? symbol(symbol_arg, h->addr->vaddr, &start) : NULL;
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
    Dwarf_Die cu, split;
    if (!dwarf_offdie(d->dw, u->hits[0].cu, &cu))
        return 0;
    u->cu = cu;
    uint8_t type;
    if (dwarf_cu_info(cu.cu, NULL, &type, NULL, &split, NULL, NULL, NULL) == 0 &&
        type == DW_UT_skeleton && split.addr)
        u->cu = split;
    Dwarf_Attribute a;
    u->dir = dwarf_formstring(dwarf_attr(&cu, DW_AT_comp_dir, &a));

    find_functions(u, &u->cu, 0);
    for (size_t i = 0; i < u->n && !u->deep; i++)
        u->deep = !u->hits[i].found;
    u->last = NULL;
    if (u->deep)
        find_functions(u, &u->cu, 0);
    find_all_inlined(u);
    if (u->no_memory)
        return -ENOMEM;

    Dwarf_Lines *lines = NULL;
    Dwarf_Files *files = NULL;
    size_t n_lines = 0, n_files = 0;
    if (dwarf_getsrclines(&cu, &lines, &n_lines))
        n_lines = 0;
    if (dwarf_getsrcfiles(&u->cu, &files, &n_files) &&
        dwarf_getsrcfiles(&cu, &files, &n_files))
        n_files = 0;
    for (size_t i = 0; i < u->n; i++) {
        struct ht_frame leaf = {0};
        find_line(lines, n_lines, u->hits[i].addr->vaddr, &leaf);
        if (!u->hits[i].found && !leaf.file)
            continue;
        leaf.file = absolute(u, leaf.file);
        if (write_frames(u, &u->hits[i], &leaf, files, n_files, symbol, symbol_arg))
            return -ENOMEM;
    }
    return 0;
}

static int by_unit(const void *pa, const void *pb)
{
    const struct hit *a = pa, *b = pb;
    if (a->cu != b->cu)
        return a->cu < b->cu ? -1 : 1;
    return a->addr->vaddr < b->addr->vaddr ? -1 : a->addr->vaddr > b->addr->vaddr;
}

int ht_dwarf_resolve(struct ht_dwarf *d, struct ht_addr *addrs, size_t n, struct ht_pool *pool,
                     ht_symbol_fn symbol, void *symbol_arg, void (*tick)(void *arg, size_t done),
                     void *tick_arg)
{
    struct ht_pool scratch = {0};
    struct hit *hits = ht_pool_array(&scratch, n, sizeof *hits);
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
        struct unit u = {.d = d, .hits = hits + first, .n = i - first, .pool = pool,
                         .scratch = &scratch};
        err = resolve_unit(d, &u, symbol, symbol_arg);
        if (tick)
            tick(tick_arg, i);
    }
    ht_pool_finish(&scratch);
    return err;
}

/* SPDX-License-Identifier: MIT */
/*
 * Walks a unit's tree of DIEs once, with the sorted addresses that lie in it: those outside a
 * DIE's ranges are cut off before its children are visited. The number of DIEs is limited, for a
 * hostile file's tree need not end.
 */
#include "config.h"

#include "symbolize/dwarf_walk.h"

#include <dwarf.h>
#include <errno.h>

/* Compilers do not nest deeper; a hostile file could. */
enum { DEPTH_MAX = 128, RANGES_MAX = 1 << 20, VISITS_MAX = 100 << 20 };

/* The hits in [lo, hi) as a slice of a sorted array. */
static struct ht_dwarf_match *slice(struct ht_walk *u, uint64_t lo, uint64_t hi, size_t *n)
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

static void match_function(struct ht_walk *u, Dwarf_Die *die)
{
    Dwarf_Addr base, lo, hi;
    ptrdiff_t at = 0;
    for (int i = 0; i < RANGES_MAX && (at = dwarf_ranges(die, at, &base, &lo, &hi)) > 0; i++) {
        size_t n;
        struct ht_dwarf_match *h = slice(u, lo, hi, &n);
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
static bool goes_on(struct ht_walk *u, const Dwarf_Die *die)
{
    if ((const char *)die->addr <= (const char *)u->last || ++*u->visits > VISITS_MAX)
        return false;
    u->last = die->addr;
    return true;
}

static void find_functions(struct ht_walk *u, Dwarf_Die *parent, int depth)
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

/* Copies those of the n hits that lie in the DIE's ranges to `in`. */
static size_t within(Dwarf_Die *die, struct ht_dwarf_match **hits, size_t n,
                     struct ht_dwarf_match **in)
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

static void find_inlined(struct ht_walk *u, Dwarf_Die *parent, struct ht_dwarf_match **hits,
                         size_t n, struct ht_inlined *caller, int depth)
{
    Dwarf_Die die;
    if (depth > DEPTH_MAX || dwarf_child(parent, &die))
        return;
    struct ht_dwarf_match **in = ht_pool_array(u->scratch, n, sizeof *in);
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
            struct ht_inlined *call = m ? ht_pool_alloc(u->scratch, sizeof *call) : NULL;
            if (m && !call) {
                u->no_memory = true;
                return;
            }
            if (!call)
                continue;
            *call = (struct ht_inlined){caller, die};
            for (size_t i = 0; i < m; i++)
                in[i]->inlined = call;
            find_inlined(u, &die, in, m, call, depth + 1);
        }
    } while (!u->no_memory && dwarf_siblingof(&die, &die) == 0);
}

/* Walks each function that was hit once, for all its hits. */
static void find_all_inlined(struct ht_walk *u)
{
    struct ht_dwarf_match **same = ht_pool_array(u->scratch, u->n, sizeof *same);
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

int ht_walk_unit(struct ht_walk *u)
{
    find_functions(u, &u->cu, 0);
    for (size_t i = 0; i < u->n && !u->deep; i++)
        u->deep = !u->hits[i].found;
    u->last = NULL;
    if (u->deep)
        find_functions(u, &u->cu, 0);
    find_all_inlined(u);
    return u->no_memory ? -ENOMEM : 0;
}

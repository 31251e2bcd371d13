/* SPDX-License-Identifier: MIT */
/*
 * The loader's list of objects (r_debug, link_map) names each object's load address, but not its
 * program headers. glibc keeps a pointer to them further down in the same structure, at an offset
 * that differs between versions: it is found once, in our own entry of the list, whose program
 * headers we know. Each entry is then checked: its headers must have the dynamic section that the
 * list has for it.
 *
 * The table is one of two arrays, sorted by address. A new one is written into the array that is
 * not in use and then made the current one by raising `current`; a reader that finds `current`
 * raised after its search begins again. It is made anew when an address is in no object (a library
 * was loaded) and after a dlclose.
 *
 * The list's nodes may be freed while we read: by a dlclose on another thread, or by one that the
 * C library makes for itself (iconv's modules), which no hook sees. The objects that the program
 * started with are never unloaded. For the others, each node is read only after the kernel said
 * that it can be read, and is believed only when the list's links agree and the loader says that
 * the list is consistent.
 */
#include "config.h"

#include "target/os/object_table.h"

#include <elf.h>
#include <stdatomic.h>
#include <string.h>

#include "target/os/loader.h"
#include "target/os/machine.h"
#include "target/os/sys.h"

#define MAX_OBJECTS 2048u /* Chromium has 150, LibreOffice 400; those beyond stay unknown */
#define MAX_WORDS                                                                                  \
    128u              /* of struct link_map; glibc 2.17 to 2.41 have the headers before word 96 \
                          */
#define FIRST_WORD 5u /* after the five public fields */
#define MAX_PHDRS  512u
#define MISSES     64u

#define RELAXED(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)

/* Written by the holder of `making` while it is not the current one; a reader that is late may read
 * it at the same time (relaxed, word by word), and then begins again. */
struct table {
    uint32_t n;
    struct ht_object_entry entries[MAX_OBJECTS]; /* sorted by start */
};

extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));

static const struct r_debug *list;
static uint32_t phdr_word; /* index of the pointer to the program headers in struct link_map */
static uint32_t n_startup; /* the first so many of the list are never unloaded */
static struct table *tables[2];
static _Atomic uint32_t current;      /* tables[current & 1]; release after the table is written */
static _Atomic uint32_t making;       /* try-lock: held by the thread that writes the other table */
static _Atomic uint64_t unloads_seen; /* of the current table; relaxed */
/* Pages that are in no object of the current table, with the low bits of `current`; relaxed. */
static _Atomic uint64_t misses[MISSES];

static bool all_readable(uint64_t at, uint64_t n)
{
    for (uint64_t page = HT_PAGE_DOWN(at); page < at + n; page += HT_PAGE_SIZE)
        if (!ht_page_readable(page))
            return false;
    return true;
}

/* The range and the unwind table of an object from its program headers. False: these are not the
 * object's headers. */
static bool describe(const struct link_map *l, const Elf64_Phdr *p, uint32_t n, bool stays,
                     struct ht_object_entry *o)
{
    uint64_t lowest = UINT64_MAX, highest = 0;
    bool matches = false;
    o->eh_frame_hdr = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (p[i].p_type == PT_LOAD && p[i].p_vaddr < lowest)
            lowest = p[i].p_vaddr;
        if (p[i].p_type == PT_LOAD && p[i].p_vaddr + p[i].p_memsz > highest)
            highest = p[i].p_vaddr + p[i].p_memsz;
        if (p[i].p_type == PT_GNU_EH_FRAME)
            o->eh_frame_hdr = l->l_addr + p[i].p_vaddr;
        matches |= p[i].p_type == PT_DYNAMIC && l->l_addr + p[i].p_vaddr == (uint64_t)l->l_ld;
    }
    if (!matches || lowest >= highest)
        return false;
    o->start = l->l_addr + HT_PAGE_DOWN(lowest);
    o->end = l->l_addr + highest;
    o->link_map = (uint64_t)l;
    o->stays = stays;
    return o->start < o->end;
}

/* The program headers that an entry of the loader's list points to. NULL: they cannot be its. */
static const Elf64_Phdr *headers_of(const struct link_map *l, uint32_t word, bool stays,
                                    uint32_t *n)
{
    const uint64_t *w = (const uint64_t *)l;
    uint64_t at = w[word];
    *n = w[word + 2] & 0xffff;
    if (!at || (at & 7) || !*n || *n > MAX_PHDRS ||
        (!stays && !all_readable(at, *n * sizeof(Elf64_Phdr))))
        return NULL;
    return (const Elf64_Phdr *)at;
}

static bool entry_of(const struct link_map *l, bool stays, struct ht_object_entry *o)
{
    uint32_t n;
    const Elf64_Phdr *p = headers_of(l, phdr_word, stays, &n);
    return p && describe(l, p, n, stays, o);
}

static void sort(struct ht_object_entry *e, uint32_t n)
{
    for (uint32_t gap = n / 2; gap; gap /= 2)
        for (uint32_t i = gap; i < n; i++) {
            struct ht_object_entry moved = e[i];
            uint32_t j = i;
            for (; j >= gap && e[j - gap].start > moved.start; j -= gap)
                e[j] = e[j - gap];
            e[j] = moved;
        }
}

static bool consistent(void)
{
    return *(volatile const int *)&list->r_state == RT_CONSISTENT;
}

/* Reads the loader's list into t. False: the list is being changed, and t must not be used. */
static bool read_list(struct table *t, bool startup)
{
    const struct link_map *l = list->r_map, *before = NULL;
    uint32_t n = 0;
    for (uint32_t i = 0; l && i < MAX_OBJECTS; i++) {
        bool stays = startup || i < n_startup;
        if (!stays && !all_readable((uint64_t)l, (phdr_word + 3) * 8))
            return false;
        if (l->l_prev != before)
            return false;
        if (entry_of(l, stays, &t->entries[n]))
            n++;
        before = l;
        l = l->l_next;
        if (!startup && !consistent())
            return false;
        if (startup)
            n_startup = i + 1;
    }
    sort(t->entries, n);
    t->n = n;
    return true;
}

static bool same_table(const struct table *a, const struct table *b)
{
    return a->n == b->n && !memcmp(a->entries, b->entries, a->n * sizeof *a->entries);
}

/* Makes the table anew where the list has changed. False: it could not be read. */
static bool refresh(uint64_t unloads)
{
    bool done = false;
    if (!consistent() || atomic_exchange_explicit(&making, 1, memory_order_acquire))
        return false;
    uint32_t now = atomic_load_explicit(&current, memory_order_relaxed);
    struct table *other = tables[(now + 1) & 1];
    if (read_list(other, false)) {
        if (!same_table(other, tables[now & 1]))
            atomic_store_explicit(&current, now + 1, memory_order_release);
        atomic_store_explicit(&unloads_seen, unloads, memory_order_relaxed);
        done = true;
    }
    atomic_store_explicit(&making, 0, memory_order_release);
    return done;
}

/* The last entry that begins at or below pc. A writer may be changing entries meanwhile. */
static bool search(const struct table *t, uint64_t pc, struct ht_object_entry *o)
{
    uint32_t lo = 0, hi = RELAXED(t->n);
    while (lo < hi) {
        uint32_t middle = (lo + hi) / 2;
        if (RELAXED(t->entries[middle].start) <= pc)
            lo = middle + 1;
        else
            hi = middle;
    }
    if (!lo)
        return false;
    const struct ht_object_entry *e = &t->entries[lo - 1];
    o->start = RELAXED(e->start);
    o->end = RELAXED(e->end);
    o->link_map = RELAXED(e->link_map);
    o->eh_frame_hdr = RELAXED(e->eh_frame_hdr);
    o->stays = RELAXED(e->stays);
    return pc < o->end;
}

static bool find_current(uint64_t pc, struct ht_object_entry *o)
{
    for (int i = 0; i < 100; i++) {
        uint32_t before = atomic_load_explicit(&current, memory_order_acquire);
        bool found = search(tables[before & 1], pc, o);
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&current, memory_order_relaxed) == before)
            return found;
    }
    return false;
}

/* Addresses that are in no object, such as a JIT compiler's code, are remembered, so that the
 * list is not read again for each sample. */
static uint64_t miss_of(uint64_t pc)
{
    return (pc >> 12) << 16 | (atomic_load_explicit(&current, memory_order_relaxed) & 0xffff);
}

bool ht_object_table_find(uint64_t pc, uint64_t unloads, bool quiet, struct ht_object_entry *o)
{
    if (!phdr_word)
        return false;
    bool fresh = atomic_load_explicit(&unloads_seen, memory_order_relaxed) == unloads;
    if (!fresh && !quiet)
        fresh = refresh(unloads);
    if (find_current(pc, o))
        return fresh || o->stays || (!quiet && ht_page_readable(o->start));
    _Atomic uint64_t *miss = &misses[(pc >> 12) % MISSES];
    if (quiet || atomic_load_explicit(miss, memory_order_relaxed) == miss_of(pc) ||
        !refresh(unloads))
        return false;
    if (find_current(pc, o))
        return true;
    atomic_store_explicit(miss, miss_of(pc), memory_order_relaxed);
    return false;
}

void ht_object_table_forked(void)
{
    atomic_store_explicit(&making, 0, memory_order_release);
}

/* The library's own entry of the list: the one with its dynamic section. */
static const struct link_map *own_entry(void)
{
    const struct link_map *l = list->r_map;
    while (l && l->l_ld != _DYNAMIC)
        l = l->l_next;
    return l;
}

static uint32_t find_phdr_word(void)
{
    if (!ht_libc_is_glibc()) /* another C library's entry has other words, and fewer */
        return 0;
    const uint64_t *w = (const uint64_t *)own_entry();
    uint64_t headers = (uint64_t)&__ehdr_start + __ehdr_start.e_phoff;
    for (uint32_t i = FIRST_WORD; w && i + 2 < MAX_WORDS; i++)
        if (w[i] == headers && (w[i + 2] & 0xffff) == __ehdr_start.e_phnum)
            return i;
    return 0;
}

static uint32_t learnt_word; /* as phdr_word, also where there is no table; 0: not known */

void ht_object_table_learn(const struct r_debug *loader)
{
    list = loader;
    learnt_word = loader ? find_phdr_word() : 0;
}

const Elf64_Phdr *ht_object_table_headers(uint64_t link_map, uint32_t *n)
{
    struct ht_object_entry o;
    const struct link_map *l = (const struct link_map *)link_map;
    if (!learnt_word || !all_readable(link_map, (learnt_word + 3) * 8))
        return NULL;
    const Elf64_Phdr *p = headers_of(l, learnt_word, false, n);
    return p && describe(l, p, *n, false, &o) ? p : NULL;
}

bool ht_object_table_setup(const struct r_debug *loader)
{
    list = loader;
    uint32_t word = loader ? find_phdr_word() : 0;
    char *memory = word ? ht_sys_anonymous(2 * sizeof *tables[0]) : NULL;
    if (!memory)
        return false;
    tables[0] = (struct table *)memory;
    tables[1] = tables[0] + 1;
    phdr_word = word;
    if (!read_list(tables[0], true))
        phdr_word = 0;
    return phdr_word != 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * The objects that the program started with are searched in the order of the loader's list, which
 * is the order of its global scope at that time. Hash tables: DT_GNU_HASH, or DT_HASH (System V
 * ABI, chapter 5).
 *
 * The definition that counts is the one that the program's own reference would be bound to. That
 * reference has one of glibc's versions. So a definition counts even when it is not the default of
 * its version (all in libc_malloc_debug.so, which dlsym passes over), and one does not count when
 * it has another version.
 *
 * dlsym itself is not used, for four reasons: a program, or another preloaded library, may define
 * it; if that definition calls the real one, RTLD_NEXT means what comes after it, which may be this
 * library; its version differs between glibcs; before 2.34 a process need not have it.
 */
#include "config.h"

#include "target/os/loader.h"

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

extern struct r_debug _r_debug __attribute__((weak));        /* glibc's, since 2.2.5 */
extern struct r_debug *_dl_debug_addr __attribute__((weak)); /* musl's */

struct symbols {
    const Elf64_Sym *table;
    const char *names;
    const uint32_t *gnu_hash, *hash; /* one of the two may be NULL */
    const uint16_t *versions;        /* NULL: the object has none */
    const Elf64_Verdef *defined;     /* the versions' names; NULL like `versions` */
    uint64_t soname;                 /* offset in names, 0: it has none */
    bool thread_local;               /* a thread-local variable is sought */
};

const struct r_debug *ht_loader(void)
{
    if (ht_libc_is_glibc())
        return &_r_debug;
    return &_dl_debug_addr ? _dl_debug_addr : NULL;
}

bool ht_libc_is_glibc(void)
{
    return &_r_debug != NULL;
}

/* glibc relocates these entries in place, except for the vDSO's; musl relocates none. */
const void *ht_loader_relocated(const struct link_map *l, uint64_t at)
{
    return (const void *)(at < l->l_addr ? l->l_addr + at : at);
}

/* Of the objects that the start looks through for one name after the other; only then. */
static struct {
    const struct link_map *l;
    struct symbols s;
    bool found;
} known[8];
static bool keeping;

static bool read_symbols(const struct link_map *l, struct symbols *s)
{
    *s = (struct symbols){0};
    for (const Elf64_Dyn *d = l->l_ld; d && d->d_tag != DT_NULL; d++) {
        const void *at = ht_loader_relocated(l, d->d_un.d_ptr);
        if (d->d_tag == DT_SYMTAB)
            s->table = at;
        else if (d->d_tag == DT_STRTAB)
            s->names = at;
        else if (d->d_tag == DT_GNU_HASH)
            s->gnu_hash = at;
        else if (d->d_tag == DT_HASH)
            s->hash = at;
        else if (d->d_tag == DT_VERSYM)
            s->versions = at;
        else if (d->d_tag == DT_VERDEF)
            s->defined = at;
        else if (d->d_tag == DT_SONAME)
            s->soname = d->d_un.d_val;
    }
    return s->table && s->names && (s->gnu_hash || s->hash);
}

static bool symbols_of(const struct link_map *l, struct symbols *s)
{
    if (!keeping)
        return read_symbols(l, s);
    unsigned i = 0;
    while (i < sizeof known / sizeof *known - 1 && known[i].l && known[i].l != l)
        i++;
    if (known[i].l != l) {
        known[i].l = l;
        known[i].found = read_symbols(l, &known[i].s);
    }
    *s = known[i].s;
    return known[i].found;
}

void ht_loader_keep(bool keep)
{
    if (keep)
        memset(known, 0, sizeof known);
    keeping = keep;
}

#define NOT_DEFAULT 0x8000

/* The name of one of the object's own versions. */
static const char *version_name(const struct symbols *s, unsigned version)
{
    const Elf64_Verdef *d = s->defined;
    while (d && d->vd_ndx != version)
        d = d->vd_next ? (const Elf64_Verdef *)((const char *)d + d->vd_next) : NULL;
    return d ? s->names + ((const Elf64_Verdaux *)((const char *)d + d->vd_aux))->vda_name : "";
}

/* GLIBC_2.2.5, and of the C++ library GLIBCXX_3.4 and CXXABI_1.3. */
static bool version_of_the_system(const char *name)
{
    return !strncmp(name, "GLIBC", 5) || !strncmp(name, "CXXABI", 6);
}

/* Versions 0 and 1 are "local" and "none given". Of the names looked up here, one that has two
 * of glibc's versions is the same function in both. */
static bool version_matches(const struct symbols *s, uint32_t i, bool any_default)
{
    if (!s->versions)
        return true;
    unsigned version = s->versions[i] & ~NOT_DEFAULT;
    bool is_default = !(s->versions[i] & NOT_DEFAULT);
    return version < 2 || (any_default && is_default) ||
           (!any_default && version_of_the_system(version_name(s, version)));
}

static bool matches(const struct symbols *s, uint32_t i, const char *name, bool any_default)
{
    const Elf64_Sym *sym = &s->table[i];
    unsigned type = ELF64_ST_TYPE(sym->st_info);
    return sym->st_shndx != SHN_UNDEF &&
           (s->thread_local ? type == STT_TLS : sym->st_value && type != STT_TLS) &&
           !strcmp(s->names + sym->st_name, name) && version_matches(s, i, any_default);
}

static const Elf64_Sym *by_gnu_hash(const struct symbols *s, const char *name, bool any)
{
    uint32_t n_buckets = s->gnu_hash[0], first = s->gnu_hash[1], n_words = s->gnu_hash[2];
    const uint64_t *filter = (const uint64_t *)(s->gnu_hash + 4);
    const uint32_t *buckets = s->gnu_hash + 4 + 2 * (uint64_t)n_words;
    const uint32_t *chain = buckets + n_buckets;
    uint32_t h = 5381;
    for (const char *c = name; *c; c++)
        h = h * 33 + (unsigned char)*c;
    /* Two bits of a word, of which a name that is not there mostly lacks one. */
    const uint64_t word = n_words ? filter[h / 64 % n_words] : ~0ull;
    if (!(word >> h % 64 & word >> (h >> s->gnu_hash[3]) % 64 & 1))
        return NULL;
    uint32_t i = n_buckets ? buckets[h % n_buckets] : 0;
    for (; i >= first && i; i++) {
        if ((chain[i - first] | 1) == (h | 1) && matches(s, i, name, any))
            return &s->table[i];
        if (chain[i - first] & 1)
            break;
    }
    return NULL;
}

static const Elf64_Sym *by_hash(const struct symbols *s, const char *name, bool any)
{
    uint32_t n_buckets = s->hash[0], h = 0;
    const uint32_t *buckets = s->hash + 2, *chain = buckets + n_buckets;
    for (const char *c = name; *c; c++) {
        h = (h << 4) + (unsigned char)*c;
        h = (h ^ (h & 0xf0000000) >> 24) & 0x0fffffff;
    }
    for (uint32_t i = n_buckets ? buckets[h % n_buckets] : 0; i; i = chain[i])
        if (matches(s, i, name, any))
            return &s->table[i];
    return NULL;
}

static void *symbol_in(const struct link_map *l, const char *name, bool any)
{
    struct symbols s;
    if (!symbols_of(l, &s))
        return NULL;
    const Elf64_Sym *sym = s.gnu_hash ? by_gnu_hash(&s, name, any) : by_hash(&s, name, any);
    if (!sym)
        return NULL;
    uint64_t at = l->l_addr + sym->st_value;
    return ELF64_ST_TYPE(sym->st_info) == STT_GNU_IFUNC ? ((void *(*)(void))at)() : (void *)at;
}

static const struct link_map *own_map(void)
{
    const struct link_map *l = ht_loader() ? ht_loader()->r_map : NULL;
    while (l && l->l_ld != _DYNAMIC)
        l = l->l_next;
    return l;
}

/* Searches first as a reference of the program is bound. If no object defines the name so (an
 * allocator's own calls have a version of their own), searches as dlsym does, without a version. */
static void *search_from(const struct link_map *from, const char *name)
{
    void *found = NULL;
    for (int any = 0; any < 2 && !found; any++)
        for (const struct link_map *l = from; l && !found; l = l->l_next)
            found = symbol_in(l, name, any);
    return found;
}

void *ht_next_symbol(const char *name)
{
    const struct link_map *l = own_map();
    return l ? search_from(l->l_next, name) : NULL;
}

void *ht_first_symbol(const char *name)
{
    return ht_loader() ? search_from(ht_loader()->r_map, name) : NULL;
}

static const Elf64_Sym *own_symbol(const char *name, struct symbols *s)
{
    const struct link_map *l = own_map();
    if (!l || !symbols_of(l, s))
        return NULL;
    s->versions = NULL; /* any version */
    return s->gnu_hash ? by_gnu_hash(s, name, true) : by_hash(s, name, true);
}

void *ht_own_symbol(const char *name)
{
    struct symbols s;
    const Elf64_Sym *sym = own_symbol(name, &s);
    return sym ? (void *)(own_map()->l_addr + sym->st_value) : NULL;
}

uint16_t *ht_own_symbol_version(const char *name)
{
    struct symbols s, all;
    const Elf64_Sym *sym = own_symbol(name, &s);
    if (!sym || !symbols_of(own_map(), &all) || !all.versions)
        return NULL;
    return (uint16_t *)all.versions + (sym - s.table);
}

const char *ht_loader_name(const struct link_map *l, uint32_t symbol)
{
    struct symbols s;
    return symbol && symbols_of(l, &s) ? s.names + s.table[symbol].st_name : NULL;
}

void *ht_libc_symbol(const char *name)
{
    static const char *const libraries[] = {"libc.", "ld-", "libdl.", "libpthread."};
    const struct link_map *l = ht_loader() ? ht_loader()->r_map : NULL;
    void *found = NULL;
    for (; l && !found; l = l->l_next) {
        struct symbols s;
        if (!symbols_of(l, &s) || !s.soname)
            continue;
        const char *soname = s.names + s.soname;
        for (unsigned i = 0; i < sizeof libraries / sizeof *libraries && !found; i++)
            if (!strncmp(soname, libraries[i], strlen(libraries[i])))
                found = symbol_in(l, name, true);
    }
    return found;
}

const void *ht_loader_symbol_in(const struct link_map *l, const char *name)
{
    return symbol_in(l, name, true);
}

uint32_t ht_loader_thread_local(const struct link_map *l, const char *name, uint64_t *value)
{
    struct symbols s;
    if (!symbols_of(l, &s))
        return 0;
    s.thread_local = true;
    const Elf64_Sym *sym = s.gnu_hash ? by_gnu_hash(&s, name, true) : by_hash(&s, name, true);
    if (!sym)
        return 0;
    *value = sym->st_value;
    return (uint32_t)(sym - s.table);
}

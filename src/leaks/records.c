/* SPDX-License-Identifier: MIT */
/*
 * jemalloc has a record for each extent (edata_t; extent_t before 5.3): bits, address, size. The
 * address is that of a large block, or of a slab's first block. A record is recognised by its form:
 * the size class among the bits must fit the size.
 *
 * glibc links free chunks by the addresses of their heads. A head lies in the last 8 bytes of the
 * block before it, if that block uses all of its chunk; then such a link points into the block. A
 * link is recognised by the link back, and the last chunk of an arena by its end.
 */
#include "config.h"

#include "leaks/records.h"

#include <string.h>

#define PAGE       4096u
#define HEAP_ALIGN (64u << 20)

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

struct ht_leak_records ht_leak_records_of(const struct ht_remote *r)
{
    static const char *const others[] = {"libjemalloc", "libtcmalloc", "libmimalloc"};
    struct ht_leak_records k = {.glibc = true};
    for (size_t i = 0; i < r->n_maps; i++) {
        const struct ht_remote_map *m = &r->maps[i];
        if (!m->executable || !m->inode)
            continue;
        const char *base = base_name(m->name);
        k.jemalloc |= !strncmp(base, others[0], strlen(others[0]));
        for (size_t n = 0; n < sizeof others / sizeof *others; n++)
            k.glibc &= strncmp(base, others[n], strlen(others[n])) != 0;
    }
    return k;
}

static uint64_t word_at(struct ht_remote *r, uint64_t at)
{
    uint64_t w = 0;
    return ht_remote_word(r, at, &w) ? w : 0;
}

/* The size of jemalloc's size class with that index: 8, 16, 32, ... 128, then four per doubling. */
static uint64_t class_size(unsigned index)
{
    if (index < 9)
        return index ? 16ull * index : 8;
    unsigned doubling = (index - 9) / 4, step = (index - 9) % 4 + 1;
    if (doubling > 40)
        return 0;
    return (128ull << doubling) + (32ull << doubling) * step;
}

/* The size of a slab: the least multiple of a page that the class's size divides. */
static uint64_t slab_size(uint64_t class)
{
    uint64_t size = PAGE;
    while (size % class)
        size += PAGE;
    return size;
}

/* The bits of a live extent in jemalloc 5.3, and in 5.1 and 5.2: the position of its state (0), of
 * the size class that follows, and of the first bit that is unused. Bit 12: a slab; bit 13: its
 * memory is committed. */
static const struct form {
    unsigned state, class, end;
} forms[] = {{17, 20, 45}, {16, 18, 42}};

static bool bits_fit(const struct form *f, uint64_t bits, uint64_t size, uint64_t block, bool *slab)
{
    uint64_t class = class_size(bits >> f->class & 255);
    *slab = bits >> 12 & 1;
    if (bits >> f->end || !(bits >> 13 & 1) || !class || class < block)
        return false;
    if (bits >> f->state & ((1u << (f->class - f->state)) - 1))
        return false;
    if (*slab)
        return class < 4 * PAGE && size == slab_size(class);
    return class >= 4 * PAGE && (size == class || size == class + PAGE);
}

static bool is_extent(struct ht_remote *r, uint64_t at, uint64_t word,
                      const struct ht_leak_block *b)
{
    if (at % 64 != 8 || (word % PAGE && word != b->addr))
        return false;
    uint64_t bits = word_at(r, at - 8), size = word_at(r, at + 8) & ~(uint64_t)(PAGE - 1);
    uint64_t before = b->addr - (word & ~(uint64_t)(PAGE - 1));
    if (before >= size || b->size > size - before)
        return false;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        bool slab;
        if (bits_fit(&forms[i], bits, size, b->size, &slab) && (!slab || word % PAGE == 0))
            return true;
    }
    return false;
}

static bool is_libc(const char *path)
{
    const char *base = base_name(path);
    return !strncmp(base, "libc.so", 7) || !strncmp(base, "libc-2", 6);
}

/* Whether the address lies in an arena's head: the first arena's is in libc's data, the others' at
 * the start of their first heap. */
static bool in_arena(const struct ht_remote *r, uint64_t at)
{
    const struct ht_remote_map *m = ht_remote_map_at(r, at);
    return m && (m->inode ? is_libc(m->name) : at % HEAP_ALIGN < PAGE);
}

static bool is_link(struct ht_remote *r, uint64_t at, uint64_t word, const struct ht_leak_block *b)
{
    if (b->size % 16 != 8 || word != b->addr + b->size - 8)
        return false;
    uint64_t size = word_at(r, word + 8) & ~7ull, next = word + size;
    bool is_free = size >= 32 && !(word_at(r, next + 8) & 1) && word_at(r, next) == size;
    if (is_free && (word_at(r, word + 24) == at - 16 || word_at(r, word + 16) == at - 24))
        return true;
    const struct ht_remote_map *m = ht_remote_map_at(r, word);
    return size && m && next == m->end && in_arena(r, at);
}

bool ht_leak_is_record(const struct ht_leak_records *k, struct ht_remote *r, uint64_t at,
                       uint64_t word, const struct ht_leak_block *b)
{
    return (k->jemalloc && is_extent(r, at, word, b)) || (k->glibc && is_link(r, at, word, b));
}

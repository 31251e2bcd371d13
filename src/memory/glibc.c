/* SPDX-License-Identifier: MIT */
/*
 * glibc's arenas (malloc/malloc.c, struct malloc_state; unchanged in what is used here since 2.10,
 * but for one word before the fast bins since 2.26). main_arena has no symbol in a stripped libc,
 * but a form that nothing else has: a row of 127 list heads of which the empty ones point to
 * themselves, and a circle of arenas that leads back to it.
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory/arena.h"
#include "memory/memory.h"

enum {
    LEAST_EMPTY = 32,     /* so many of the bins must be empty to be recognised */
    CHUNKS_MAX = 1 << 18, /* free chunks that are followed */
    PAGE = 4096,
};

/* since glibc 2.26; before */
static const struct ht_glibc_form forms[] = {
    {16, 96, 112, 112 + HT_GLIBC_BINS *HT_GLIBC_BIN_BYTES + 16,
     112 + HT_GLIBC_BINS *HT_GLIBC_BIN_BYTES + 40},
    {8, 88, 104, 104 + HT_GLIBC_BINS *HT_GLIBC_BIN_BYTES + 16,
     104 + HT_GLIBC_BINS *HT_GLIBC_BIN_BYTES + 32},
};

static uint64_t word(struct ht_remote *r, uint64_t at)
{
    uint64_t w = 0;
    return ht_remote_word(r, at, &w) ? w : 0;
}

/* An empty list's head points to a chunk that would begin 16 bytes before it. */
static bool is_empty_bin(struct ht_remote *r, uint64_t at)
{
    return word(r, at) == at - 16 && word(r, at + 8) == at - 16;
}

static bool circle_closes(struct ht_remote *r, const struct ht_glibc_form *f, uint64_t arena,
                          unsigned *n)
{
    uint64_t at = arena;
    for (*n = 1; *n < HT_GLIBC_ARENAS_MAX; ++*n) {
        at = word(r, at + f->next);
        if (at == arena)
            return true;
        if (!at || (at & 7))
            return false;
    }
    return false;
}

/* data is the segment's memory, which lies at `at`. */
static uint64_t find_in(struct ht_remote *r, const uint64_t *data, size_t words, uint64_t at,
                        const struct ht_glibc_form **form, unsigned *n)
{
    for (size_t i = 0; i + 2 * HT_GLIBC_BINS <= words; i++) {
        unsigned empty = 0;
        /* The last bins are of large chunks, and empty in nearly every program. */
        size_t last = i + 2 * (HT_GLIBC_BINS - 1);
        if (data[last] != at + last * 8 - 16 || data[last + 1] != data[last])
            continue;
        for (size_t b = 0; b < HT_GLIBC_BINS; b++)
            empty += data[i + 2 * b] == at + (i + 2 * b) * 8 - 16 &&
                     data[i + 2 * b + 1] == data[i + 2 * b];
        for (size_t k = 0; empty >= LEAST_EMPTY && k < 2; k++) {
            uint64_t arena = at + i * 8 - forms[k].bins;
            if (circle_closes(r, &forms[k], arena, n)) {
                *form = &forms[k];
                return arena;
            }
        }
    }
    return 0;
}

static bool is_libc(const char *path)
{
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    return !strncmp(base, "libc.so", 7) || !strncmp(base, "libc-2", 6);
}

uint64_t ht_glibc_find_main(struct ht_remote *r, const struct ht_glibc_form **form, unsigned *n)
{
    uint64_t found = 0;
    for (size_t i = 0; i < r->n_maps && !found; i++) {
        const struct ht_remote_map *m = &r->maps[i];
        size_t size = m->end - m->start;
        if (!m->inode || m->executable || !m->readable || !is_libc(m->name) || size > (1 << 20))
            continue;
        uint64_t *data = malloc(size);
        ssize_t got = data ? ht_remote_read(r, m->start, data, size) : 0;
        if (got > 0)
            found = find_in(r, data, (size_t)got / 8, m->start, form, n);
        free(data);
    }
    return found;
}

static uint64_t size_of(struct ht_remote *r, uint64_t chunk)
{
    return word(r, chunk + 8) & ~(uint64_t)HT_GLIBC_FLAGS;
}

static void add_bins(struct ht_remote *r, const struct ht_glibc_form *f, uint64_t arena,
                     struct ht_memory_glibc *g, size_t *chunks)
{
    for (unsigned b = 0; b < HT_GLIBC_BINS; b++) {
        uint64_t head = arena + f->bins + (uint64_t)b * HT_GLIBC_BIN_BYTES - 16;
        if (is_empty_bin(r, head + 16))
            continue;
        for (uint64_t c = word(r, head + 16); c != head; c = word(r, c + 16)) {
            uint64_t size = size_of(r, c);
            if (!c || (c & 15) || size < 32 || size > g->taken || ++*chunks > CHUNKS_MAX) {
                g->cut = true;
                break;
            }
            g->free += size;
        }
    }
}

/* Fast bins are lists of one direction; since 2.32 each link is disguised by its own address. */
static void add_fast(struct ht_remote *r, const struct ht_glibc_form *f, uint64_t arena,
                     struct ht_memory_glibc *g, size_t *chunks)
{
    for (unsigned b = 0; b < HT_GLIBC_FAST_BINS; b++) {
        uint64_t expected = 32 + 16 * (uint64_t)b;
        uint64_t c = word(r, arena + f->fast + b * 8);
        while (c) {
            if ((c & 15) || size_of(r, c) != expected || ++*chunks > CHUNKS_MAX) {
                g->cut = true;
                break;
            }
            g->free += expected;
            uint64_t next = word(r, c + 16), shown = next ^ ((c + 16) >> 12);
            c = !next || !shown ? 0 : !(next & 15) && size_of(r, next) == expected ? next : shown;
        }
    }
}

void ht_memory_glibc(struct ht_remote *r, struct ht_memory_glibc *g, ht_memory_range_fn fn,
                     void *arg)
{
    const struct ht_glibc_form *f = NULL;
    unsigned arenas = 0;
    size_t chunks = 0;
    *g = (struct ht_memory_glibc){0};
    ht_remote_forget(r);
    uint64_t main_arena = ht_glibc_find_main(r, &f, &arenas), at = main_arena;
    for (unsigned i = 0; main_arena && i < arenas; i++, at = word(r, at + f->next))
        g->taken += word(r, at + f->system);
    at = main_arena;
    for (unsigned i = 0; main_arena && i < arenas; i++, at = word(r, at + f->next)) {
        uint64_t top = word(r, at + f->top);
        g->found = true;
        g->arenas++;
        if (top && size_of(r, top) <= g->taken) {
            g->top += size_of(r, top);
            /* Other arenas' heaps are aligned; the older ones of an arena are found by this one's.
             */
            if (at != main_arena) {
                uint64_t heap = top & ~(uint64_t)(HT_GLIBC_HEAP_ALIGN - 1);
                for (unsigned k = 0; heap && k < HT_GLIBC_ARENAS_MAX; k++, heap = word(r, heap + 8))
                    fn(arg, heap, heap + HT_GLIBC_HEAP_ALIGN);
            } else {
                const struct ht_remote_map *m = ht_remote_map_at(r, top);
                if (m)
                    fn(arg, m->start, m->end);
            }
        }
        add_bins(r, f, at, g, &chunks);
        add_fast(r, f, at, g, &chunks);
    }
    g->free += g->top;
}

uint64_t ht_memory_glibc_mapped(struct ht_remote *r, uint64_t at, uint64_t end)
{
    uint64_t head[2];
    if (ht_remote_read(r, at, head, sizeof head) != (ssize_t)sizeof head)
        return 0;
    uint64_t whole = (head[1] & ~(uint64_t)HT_GLIBC_FLAGS) + head[0];
    return (head[1] & HT_GLIBC_FLAGS) == HT_GLIBC_IS_MMAPPED && whole && !(whole & (PAGE - 1)) &&
                   head[0] < whole && whole <= end - at
               ? whole
               : 0;
}

void ht_memory_glibc_blocks(struct ht_remote *r, uint64_t start, uint64_t end,
                            struct ht_memory_part *blocks)
{
    char path[64];
    uint64_t entries[512], block_end = 0;
    *blocks = (struct ht_memory_part){0};
    snprintf(path, sizeof path, "/proc/%d/pagemap", (int)r->living);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    for (uint64_t at = start; fd >= 0 && at < end;) {
        size_t want = (end - at) / PAGE < 512 ? (end - at) / PAGE : 512;
        ssize_t got = pread(fd, entries, want * 8, (off_t)(at / PAGE * 8));
        if (got < 8)
            break;
        for (size_t i = 0; i < (size_t)got / 8; i++, at += PAGE) {
            bool present = entries[i] >> 63;
            /* Only resident pages are read, so that reading makes no page resident. */
            if (at >= block_end && present) {
                uint64_t size = ht_memory_glibc_mapped(r, at, end);
                block_end = at + size;
                blocks->maps += size != 0;
                blocks->mapped += size;
            }
            if (at < block_end)
                blocks->resident += present ? PAGE : 0;
        }
    }
    if (fd >= 0)
        close(fd);
}

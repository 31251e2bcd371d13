/* SPDX-License-Identifier: MIT */
/* The .data and .bss of the objects that may have an allocator in them. */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory/allocators.h"

enum { PAGE = 4096, DATA_MAX = 64 << 20 };
#define PRESENT (3ull << 62) /* or swapped */

/* Pages that were never touched are not read: they would be made. */
static void read_present(struct ht_remote *r, int pagemap, uint64_t at, char *to, size_t size)
{
    uint64_t entry[512];
    size_t from = 0,
           known = 0; /* pages: the run that is to be read; those whose entries are here */
    for (size_t i = 0, first = 0; i <= size / PAGE; i++) {
        if (i == first + known && i < size / PAGE) {
            size_t want = size / PAGE - i < 512 ? size / PAGE - i : 512;
            ssize_t got = pread(pagemap, entry, want * 8, (off_t)((at / PAGE + i) * 8));
            first = i;
            known = want;
            for (size_t k = got > 0 ? (size_t)got / 8 : 0; k < want; k++)
                entry[k] = PRESENT;
        }
        if (i < size / PAGE && (entry[i - first] & PRESENT))
            continue;
        if (i > from)
            ht_remote_read(r, at + from * PAGE, to + from * PAGE, (i - from) * PAGE);
        from = i + 1;
    }
}

static bool each_map(struct ht_remote *r, const struct ht_remote_module *m, ht_memory_data_fn fn,
                     void *arg)
{
    char path[64];
    bool done = false;
    snprintf(path, sizeof path, "/proc/%d/pagemap", (int)r->living);
    int pagemap = open(path, O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; i < r->n_maps && !done; i++) {
        const struct ht_remote_map *map = &r->maps[i];
        const uint64_t start = map->start > m->start ? map->start : m->start;
        const uint64_t end = map->end < m->end ? map->end : m->end;
        if (start >= end || map->executable || !map->readable || !map->writable ||
            end - start > DATA_MAX)
            continue;
        char *copy = calloc(1, end - start);
        if (!copy)
            continue;
        read_present(r, pagemap, start, copy, end - start);
        const struct ht_memory_data d = {m, start, (const uint64_t *)copy, (end - start) / 8};
        done = fn(arg, &d);
        free(copy);
    }
    if (pagemap >= 0)
        close(pagemap);
    return done;
}

void ht_memory_data_each(struct ht_remote *r, const char *library, ht_memory_data_fn fn, void *arg)
{
    const struct ht_remote_module *before = NULL;
    for (size_t i = 0; i < r->n_maps; i++) {
        const struct ht_remote_map *map = &r->maps[i];
        const char *base = strrchr(map->name, '/');
        if (!map->executable || !map->inode || !base ||
            (strncmp(base + 1, library, strlen(library)) && strcmp(map->name, r->exe)))
            continue;
        const struct ht_remote_module *m = ht_remote_module_at(r, map->start);
        if (m && m != before && each_map(r, m, fn, arg))
            return;
        before = m;
    }
}

/* SPDX-License-Identifier: MIT */
/* Which pages of a range are resident, by /proc/PID/pagemap. */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "memory/memory.h"

enum { PAGE = 4096, ENTRIES = 4096 };
#define PRESENT (1ull << 63)

void ht_memory_pages_open(struct ht_memory_pages *p, struct ht_remote *r)
{
    char path[64];
    p->r = r;
    snprintf(path, sizeof path, "/proc/%d/pagemap", (int)r->living);
    p->file = open(path, O_RDONLY | O_CLOEXEC);
}

void ht_memory_pages_close(struct ht_memory_pages *p)
{
    if (p->file >= 0)
        close(p->file);
    p->file = -1;
}

static uint64_t resident(const struct ht_memory_pages *p, uint64_t start, uint64_t end)
{
    uint64_t entries[ENTRIES], pages = 0;
    while (p->file >= 0 && start < end) {
        uint64_t n = (end - start + PAGE - 1) / PAGE;
        ssize_t got = pread(p->file, entries, (n < ENTRIES ? n : ENTRIES) * sizeof *entries,
                            (off_t)(start / PAGE * sizeof *entries));
        if (got < (ssize_t)sizeof *entries)
            break;
        for (size_t i = 0; i < (size_t)got / sizeof *entries; i++)
            pages += (entries[i] & PRESENT) != 0;
        start += (uint64_t)got / sizeof *entries * PAGE;
    }
    return pages * PAGE;
}

void ht_memory_range(void *pages, uint64_t start, uint64_t end, uint64_t *mapped, uint64_t *in)
{
    const struct ht_memory_pages *p = pages;
    *mapped = *in = 0;
    for (size_t i = 0; i < p->r->n_maps; i++) {
        const struct ht_remote_map *m = &p->r->maps[i];
        const uint64_t from = m->start > start ? m->start : start, to = m->end < end ? m->end : end;
        if (from >= to)
            continue;
        *mapped += to - from;
        /* What may not be touched is reserved, and may be very large. */
        if (m->readable)
            *in += resident(p, from, to);
    }
}

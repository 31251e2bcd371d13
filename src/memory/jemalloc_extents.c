/* SPDX-License-Identifier: MIT */
/*
 * Which pages are jemalloc's, by its own tree: of 2^18 parts of the address space, 1 GiB each, with
 * a word for each page. The word leads to the record of the extent that begins or ends there, or,
 * within a slab, lies around it.
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "memory/allocators.h"

enum { PAGE = 4096, BATCH = 512, LG_PART = 30, PAGES_OF_PART = 1 << (LG_PART - 12) };

/* The end of the extent around a page; 0: the word leads to none. */
static uint64_t extent_end(struct ht_remote *r, uint64_t leaf, uint64_t page)
{
    /* The record's address is in the lower 48 bits, in multiples of 128. */
    const uint64_t record = (uint64_t)((int64_t)(leaf << 16) >> 16) & ~127ull;
    uint64_t start, size;
    if (!ht_remote_word(r, record + 8, &start) || !ht_remote_word(r, record + 16, &size))
        return 0;
    /* A large block begins somewhere in its first page. */
    start &= ~(uint64_t)(PAGE - 1);
    size &= ~(uint64_t)(PAGE - 1);
    return start <= page && page - start < size ? start + size : 0;
}

static uint64_t base_end(const struct ht_memory_jemalloc *j, uint64_t page)
{
    for (unsigned i = 0; i < j->n_bases; i++)
        if (page >= j->base[i].start && page < j->base[i].end)
            return j->base[i].end;
    return 0;
}

static bool has_base(const struct ht_memory_jemalloc *j, uint64_t start, uint64_t end)
{
    for (unsigned i = 0; i < j->n_bases; i++)
        if (j->base[i].start < end && start < j->base[i].end)
            return true;
    return false;
}

/* Of one part of the address space. *known: as far as the extents known so far reach. */
static void add_part(struct ht_remote *r, const struct ht_memory_jemalloc *j, int pagemap,
                     uint64_t start, uint64_t end, uint64_t *known,
                     struct ht_memory_jemalloc_range *out)
{
    uint64_t leaves = 0, leaf[BATCH], entry[BATCH];
    ht_remote_word(r, j->tree + (start >> LG_PART) * 8, &leaves);
    if (!leaves && *known <= start && !has_base(j, start, end))
        return;
    for (uint64_t at = start; at < end;) {
        const size_t n = (end - at) / PAGE < BATCH ? (end - at) / PAGE : BATCH;
        const uint64_t index = (at >> 12) & (PAGES_OF_PART - 1);
        const ssize_t leaf_bytes = leaves ? ht_remote_read(r, leaves + index * 8, leaf, n * 8) : 0;
        const ssize_t entry_bytes = pread(pagemap, entry, n * 8, (off_t)(at / PAGE * 8));
        for (size_t i = 0; i < n; i++, at += PAGE) {
            if (at >= *known)
                *known = base_end(j, at);
            if (!*known && (ssize_t)(i * 8) < leaf_bytes && leaf[i])
                *known = extent_end(r, leaf[i], at);
            if (at >= *known)
                continue;
            out->maps = 1;
            out->mapped += PAGE;
            out->resident += (ssize_t)(i * 8) < entry_bytes && entry[i] >> 63 ? PAGE : 0;
        }
    }
}

void ht_memory_jemalloc_range(struct ht_remote *r, const struct ht_memory_jemalloc *j,
                              uint64_t start, uint64_t end, struct ht_memory_jemalloc_range *out)
{
    char path[64];
    uint64_t known = 0;
    *out = (struct ht_memory_jemalloc_range){0};
    snprintf(path, sizeof path, "/proc/%d/pagemap", (int)r->living);
    int pagemap = j->tree ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (pagemap < 0)
        return;
    while (start < end && start >> 48 == 0) {
        const uint64_t next = ((start >> LG_PART) + 1) << LG_PART;
        add_part(r, j, pagemap, start, next < end ? next : end, &known, out);
        start = next;
    }
    close(pagemap);
}

/* SPDX-License-Identifier: MIT */
/*
 * Memory of a device, and memory registered with userfaultfd, is not read, because reading it may
 * have effects or wait. heaptap's own memory in the process is cut out as holes, because it
 * contains addresses of blocks that are no pointers of the program's.
 */
#include "config.h"

#include "leaks/areas.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remote/smaps.h"
#include "snapshot/process.h"

struct range {
    uint64_t start, end;
};

struct maker {
    struct ht_leak_areas *out;
    size_t room;
    struct range *hole; /* sorted; no two overlap */
    size_t n_holes, hole_room;
    bool failed; /* out of memory */
};

static void add_hole(struct maker *m, uint64_t start, uint64_t end)
{
    if (start >= end)
        return;
    if (m->n_holes == m->hole_room) {
        size_t room = m->hole_room ? 2 * m->hole_room : 64;
        struct range *more = reallocarray(m->hole, room, sizeof *more);
        if (!more) {
            m->failed = true;
            return;
        }
        m->hole = more;
        m->hole_room = room;
    }
    m->hole[m->n_holes++] = (struct range){start, end};
}

static void add_area(struct maker *m, const struct ht_leak_area *a)
{
    struct ht_leak_areas *out = m->out;
    if (out->n == m->room) {
        size_t room = m->room ? 2 * m->room : 256;
        struct ht_leak_area *more = reallocarray(out->area, room, sizeof *more);
        if (!more) {
            m->failed = true;
            return;
        }
        out->area = more;
        m->room = room;
    }
    out->area[out->n++] = *a;
}

/* Adds the parts of an area that lie between the holes. */
static void add_around(struct maker *m, struct ht_leak_area a)
{
    uint64_t end = a.end;
    for (size_t i = 0; i < m->n_holes && a.start < end; i++) {
        const struct range *h = &m->hole[i];
        if (h->end <= a.start)
            continue;
        if (h->start >= end)
            break;
        a.end = h->start;
        if (a.start < a.end)
            add_area(m, &a);
        a.start = h->end;
    }
    a.end = end;
    if (a.start < a.end)
        add_area(m, &a);
}

static bool begins(const char *s, const char *with)
{
    return !strncmp(s, with, strlen(with));
}

static void judge(struct maker *m, const struct ht_smap *e, const char *name)
{
    if (begins(name, "[vvar") || begins(name, "[vdso") || begins(name, "[vsyscall") ||
        begins(name, "/dev/shm/heaptap-"))
        return;
    struct ht_leak_area a = {.start = e->start, .end = e->end, .shared = e->perms[3] == 's'};
    a.file = e->inode && !a.shared;
    a.skip = true;
    if (e->flags & HT_SMAP_DEVICE)
        a.unseen = HT_UNSEEN_DEVICE;
    else if (e->flags & HT_SMAP_USERFAULT)
        a.unseen = HT_UNSEEN_USERFAULT;
    else if (begins(name, "/secretmem"))
        a.unseen = HT_UNSEEN_SECRET;
    else if (e->perms[0] != 'r')
        a.unseen = HT_UNSEEN_CLOSED;
    else
        a.skip = false;
    /* Shared memory that the process cannot write to contains none of its pointers. */
    if (a.shared && e->perms[1] != 'w' &&
        (e->flags & (HT_SMAP_FLAGS | HT_SMAP_MAY_WRITE)) == HT_SMAP_FLAGS)
        return;
    /* Private memory without any page contains nothing. */
    if (!e->resident && !e->swapped && !a.shared)
        return;
    if (!a.skip)
        m->out->resident += e->resident;
    add_around(m, a);
}

static int judge_all(struct maker *m, const struct ht_remote *r)
{
    struct ht_smaps s = {0};
    int err = ht_smaps_read_maps(r->living, &s);
    if (err == -EAGAIN)
        err = ht_smaps_read(r->living, &s);
    for (size_t i = 0; i < s.n; i++)
        judge(m, &s.map[i], ht_smap_name(&s, &s.map[i]));
    ht_smaps_free(&s);
    const uint64_t most = ht_process_resident(r->living);
    if (most && m->out->resident > most)
        m->out->resident = most;
    return err ? err : m->out->n ? 0 : -ESRCH;
}

/* Hides the library's data, except for the arena, in which the program's first blocks lie. */
static void hide_library(struct maker *m, struct ht_remote *r, const struct ht_private_memory *p)
{
    for (size_t i = 0; i < r->n_maps; i++) {
        const char *slash = strrchr(r->maps[i].name, '/');
        if (!r->maps[i].executable || !slash || !begins(slash + 1, "libheaptap"))
            continue;
        const struct ht_remote_module *l = ht_remote_module_at(r, r->maps[i].start);
        if (!l)
            continue;
        bool inside =
            p->arena >= l->start && p->arena < l->end && p->arena_size <= l->end - p->arena;
        add_hole(m, l->start, inside ? p->arena : l->end);
        if (inside)
            add_hole(m, p->arena + p->arena_size, l->end);
    }
}

/* A table's memory: an array there says where. */
static void hide_table(struct maker *m, struct ht_remote *r, const struct ht_private_array *a)
{
    uint64_t chunk[512];
    if (!a->at || a->size > 1ull << 32)
        return;
    for (uint64_t i = 0; i < a->n && i < 1 << 20; i += 512) {
        uint64_t n = a->n - i < 512 ? a->n - i : 512;
        ssize_t got = ht_remote_read(r, a->at + 8 * i, chunk, 8 * n);
        bool any = false;
        for (ssize_t k = 0; k < got / 8; k++)
            if (chunk[k]) {
                add_hole(m, chunk[k], chunk[k] + a->size);
                any = true;
            }
        if (!any)
            break;
    }
}

static void hide_tables(struct maker *m, struct ht_remote *r, const struct ht_region_header *h)
{
    const struct ht_private_memory *p = &h->private_memory;
    const struct ht_private_array nodes = {p->node_chunks, p->n_node_chunks, p->chunk_size};
    if (p->state && p->state_size < 1ull << 32)
        add_hole(m, p->state, p->state + p->state_size);
    hide_table(m, r, &nodes);
    hide_table(m, r, &h->mapping_tables[0]);
    hide_table(m, r, &h->mapping_tables[1]);
}

static int by_start(const void *a, const void *b)
{
    uint64_t x = ((const struct range *)a)->start, y = ((const struct range *)b)->start;
    return x < y ? -1 : x > y;
}

int ht_leak_areas_read(struct ht_remote *r, const struct ht_view *region, struct ht_leak_areas *out)
{
    struct maker m = {.out = out};
    const struct ht_region_header *h = region->header;
    *out = (struct ht_leak_areas){0};
    int err = ht_remote_maps(r);
    if (err)
        return err == -ENOENT ? -ESRCH : err;
    add_hole(&m, h->address,
             h->address + HT_HEADER_SIZE + (uint64_t)region->n_chunks * HT_CHUNK_SIZE);
    hide_library(&m, r, &h->private_memory);
    hide_tables(&m, r, h);
    if (m.n_holes)
        qsort(m.hole, m.n_holes, sizeof *m.hole, by_start);
    err = judge_all(&m, r);
    free(m.hole);
    return m.failed ? -ENOMEM : err;
}

bool ht_leak_areas_cut(struct ht_leak_areas *areas, uint64_t start, uint64_t end, bool file)
{
    size_t low = 0, high = areas->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (areas->area[middle].end <= start)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == areas->n)
        return false;
    struct ht_leak_area a = areas->area[low];
    if (a.start > start || a.end < end || start >= end || a.skip || a.shared || (a.file && !file))
        return false;
    struct ht_leak_area *more = reallocarray(areas->area, areas->n + 1, sizeof *more);
    if (!more)
        return false;
    areas->area = more;
    memmove(more + low + 1, more + low, (areas->n - low) * sizeof *more);
    areas->n++;
    more[low].end = start; /* either part may be empty, which reading allows */
    more[low + 1].start = end;
    return true;
}

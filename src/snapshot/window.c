/* SPDX-License-Identifier: MIT */
/* The chunk that was used longest ago makes room for the next one. */
#include "config.h"

#include "snapshot/window.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SLOTS 544u /* 34 MiB; a stack needs 1 + 1 + 512 at once */

struct slot {
    uint32_t chunk, newer, older; /* numbers of slots, in a ring of which slot 0 is the head */
    uint32_t epoch;
};

struct ht_region_window {
    struct ht_view_source source;
    struct ht_region_reader reader;
    unsigned char *base;
    uint32_t cap;      /* chunks that there is room for */
    uint8_t *kinds;    /* of each chunk; 0: its head is to be read again */
    uint16_t *slot_of; /* of each chunk, 0: none */
    struct slot ring[SLOTS + 1];
    uint32_t n_slots, epoch;
};

static void unlink_slot(struct ht_region_window *w, uint32_t i)
{
    struct slot *s = &w->ring[i];
    w->ring[s->newer].older = s->older;
    w->ring[s->older].newer = s->newer;
}

static void make_newest(struct ht_region_window *w, uint32_t i)
{
    struct slot *s = &w->ring[i], *head = &w->ring[0];
    s->newer = 0;
    s->older = head->older;
    w->ring[head->older].newer = i;
    head->older = i;
}

static uint32_t kind(struct ht_view_source *source, uint32_t chunk)
{
    struct ht_region_window *w = (struct ht_region_window *)source;
    struct ht_chunk head;
    if (chunk >= w->cap)
        return HT_KIND_NONE;
    uint64_t at = ht_chunk_offset(chunk);
    if (!w->kinds[chunk] && !ht_reader_in_hole(&w->reader, at) &&
        !ht_reader_bytes(&w->reader, &head, sizeof head, at) && head.magic == HT_CHUNK_MAGIC) {
        uint32_t is = atomic_load(&head.kind);
        w->kinds[chunk] = is < HT_KIND_COUNT ? (uint8_t)is : 0;
    }
    return w->kinds[chunk];
}

static int fetch(struct ht_view_source *source, uint32_t chunk)
{
    struct ht_region_window *w = (struct ht_region_window *)source;
    if (chunk >= w->source.n_chunks)
        return 0;
    uint32_t i = w->slot_of[chunk];
    if (i && w->ring[0].older == i && w->ring[i].epoch == w->epoch)
        return 1;
    if (!i && !kind(source, chunk))
        return 0;
    if (i) {
        unlink_slot(w, i);
    } else if (w->n_slots < SLOTS) {
        i = ++w->n_slots;
    } else {
        i = w->ring[0].newer;
        unlink_slot(w, i);
        w->slot_of[w->ring[i].chunk] = 0;
        madvise(w->base + ht_chunk_offset(w->ring[i].chunk), HT_CHUNK_SIZE, MADV_DONTNEED);
    }
    bool there = w->slot_of[chunk] == i && w->ring[i].epoch == w->epoch;
    make_newest(w, i);
    w->ring[i].chunk = chunk;
    w->ring[i].epoch = w->epoch;
    w->slot_of[chunk] = (uint16_t)i;
    uint64_t at = ht_chunk_offset(chunk);
    if (there || !ht_reader_bytes(&w->reader, w->base + at, HT_CHUNK_SIZE, at))
        return 1;
    memset(w->base + at, 0, HT_CHUNK_SIZE); /* as if it were not there */
    return 1;
}

static void refresh(struct ht_view_source *source)
{
    struct ht_region_window *w = (struct ht_region_window *)source;
    uint32_t n;
    w->epoch++;
    if (!ht_reader_chunks(&w->reader, &n))
        w->source.n_chunks = n < w->cap ? n : w->cap;
}

int ht_region_window_open(struct ht_region *r, const struct ht_region_reader *reader, void *base,
                          uint32_t n)
{
    struct ht_region_window *w = calloc(1, sizeof *w);
    uint64_t room = reader->limit > HT_HEADER_SIZE ? reader->limit - HT_HEADER_SIZE : 0;
    if (!w)
        return -ENOMEM;
    w->reader = *reader;
    w->base = base;
    w->cap = (uint32_t)(room / HT_CHUNK_SIZE);
    w->source = (struct ht_view_source){n < w->cap ? n : w->cap, fetch, kind, refresh};
    w->kinds = calloc((size_t)w->cap + 1, sizeof *w->kinds);
    w->slot_of = calloc((size_t)w->cap + 1, sizeof *w->slot_of);
    w->epoch = 1;
    int *fds[] = {&w->reader.from.file, &w->reader.from.memory};
    bool ok = w->kinds && w->slot_of;
    for (int i = 0; i < 2; i++)
        if (*fds[i] >= 0)
            ok &= (*fds[i] = fcntl(*fds[i], F_DUPFD_CLOEXEC, 0)) >= 0;
    madvise(base, HT_HEADER_SIZE + (uint64_t)w->cap * HT_CHUNK_SIZE, MADV_NOHUGEPAGE);
    r->window = w;
    if (ok)
        return 0;
    int err = w->kinds && w->slot_of ? -errno : -ENOMEM;
    ht_region_window_close(w);
    r->window = NULL;
    return err;
}

bool ht_region_window_folded(struct ht_region_window *w, struct ht_view *view)
{
    struct ht_region_header *h = w ? (struct ht_region_header *)w->base : NULL;
    uint32_t now;
    if (!w ||
        ht_reader_bytes(&w->reader, &now, sizeof now,
                        offsetof(struct ht_region_header, fold_version)) ||
        ht_fold_version_holds(view->fold_version, now) || ht_reader_header(&w->reader, h))
        return false;
    view->fold_version = atomic_load(&h->fold_version);
    refresh(&w->source);
    return true;
}

struct ht_view_source *ht_region_window_source(struct ht_region_window *w)
{
    return &w->source;
}

void ht_region_window_close(struct ht_region_window *w)
{
    if (!w)
        return;
    if (w->reader.from.file >= 0)
        close(w->reader.from.file);
    if (w->reader.from.memory >= 0)
        close(w->reader.from.memory);
    free(w->kinds);
    free(w->slot_of);
    free(w);
}

/* SPDX-License-Identifier: MIT */
/*
 * Copies the header, then the heads of all chunks, then the chunks of the kinds that are asked
 * for.
 */
#include "config.h"

#include "snapshot/copy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "snapshot/process.h"
#include "snapshot/reader.h"
#include "snapshot/window.h"

/* The most that a reader copies of one region. The target maps 2 GiB at most. */
#define COPY_MAX (4ULL << 30)

struct copier {
    struct ht_region_reader r;
    unsigned char *base;
    uint32_t kinds;
    uint32_t n; /* chunks whose head was read */
};

/* Reads the heads of new chunks; a chunk that cannot be read ends the region. */
static int read_heads(struct copier *c)
{
    uint32_t n;
    int err = ht_reader_chunks(&c->r, &n);
    if (err)
        return err;
    for (; c->n < n; c->n++) {
        uint64_t at = ht_chunk_offset(c->n);
        if (at + HT_CHUNK_SIZE > c->r.limit)
            break;
        if (!ht_reader_in_hole(&c->r, at) &&
            ht_reader_bytes(&c->r, c->base + at, sizeof(struct ht_chunk), at))
            break;
    }
    return 0;
}

/* Copies the chunks of one kind; one that cannot be read counts as missing. */
static void read_kind(struct copier *c, uint32_t kind)
{
    for (uint32_t i = 0; i < c->n; i++) {
        uint64_t at = ht_chunk_offset(i);
        struct ht_chunk *chunk = (struct ht_chunk *)(c->base + at);
        if (chunk->magic != HT_CHUNK_MAGIC || atomic_load(&chunk->kind) != kind)
            continue;
        const uint64_t known = offsetof(struct ht_chunk, present);
        if (ht_reader_bytes(&c->r, &chunk->present, HT_CHUNK_SIZE - known, at + known))
            memset(chunk, 0, HT_CHUNK_SIZE);
    }
}

/*
 * Records are copied before those that they refer to, and the region's length is read again in
 * between. So the copy of a region to which its process goes on writing is complete: it has each
 * sample's stack and each stack's frames.
 */
static int read_chunks(struct copier *c)
{
    static const uint32_t order[] = {HT_KIND_LIVE,  HT_KIND_MAPPING, HT_KIND_SITE, HT_KIND_STACK,
                                     HT_KIND_FRAME, HT_KIND_MODULE,  HT_KIND_DATA};
    for (size_t k = 0; k < sizeof order / sizeof *order; k++) {
        if (!(c->kinds & 1u << order[k]))
            continue;
        int err = read_heads(c);
        if (err)
            return err;
        read_kind(c, order[k]);
    }
    return 0;
}

static int refuse(char *msg, size_t size, int err, const char *why)
{
    snprintf(msg, size, "%s", why);
    return err;
}

/* Reads the header, and checks it. st: of the file, if there is one. */
static int read_header(struct ht_region *r, struct copier *c, unsigned char *header,
                       struct stat *st, char *msg, size_t msg_size)
{
    const bool of_file = c->r.from.file >= 0;
    if (of_file && fstat(c->r.from.file, st))
        return refuse(msg, msg_size, -errno, strerror(errno));
    int err = of_file && (uint64_t)st->st_size < HT_HEADER_SIZE ? -EINVAL
                                                                : ht_reader_header(&c->r, header);
    if (err == -EINVAL || err == -EIO)
        return refuse(msg, msg_size, err, "too short for a heaptap region");
    if (err)
        return refuse(msg, msg_size, err, strerror(-err));
    return ht_view_init(&r->view, header, HT_HEADER_SIZE, msg, msg_size);
}

/* Decides up to where the region is read, and from where on in the process's memory. */
static void set_limits(struct ht_region *r, struct copier *c, const struct ht_region_header *h,
                       uint64_t file_size)
{
    const bool of_file = c->r.from.file >= 0;
    uint64_t private = atomic_load(&h->private_from);
    c->r.private_from = of_file ? private : 0;
    c->r.limit = h->size < COPY_MAX ? h->size : COPY_MAX;
    if (of_file && !private && file_size < c->r.limit)
        c->r.limit = file_size;
    if (private && c->r.from.memory < 0) {
        c->r.limit = private < c->r.limit ? private : c->r.limit;
        r->lost_from = private;
    }
}

/* Maps as much address space as a region of n chunks may grow to while it is copied. Only what is
 * read is touched. A header alone lies in memory that is used again: a list reads a thousand. */
static int map_room(struct copier *c, uint32_t n)
{
    if (!c->kinds) {
        c->base = aligned_alloc(_Alignof(struct ht_region_header), HT_HEADER_SIZE);
        c->r.limit = HT_HEADER_SIZE;
        return c->base ? 0 : -ENOMEM;
    }
    uint64_t size = ht_chunk_offset(n) + (256ull << 20);
    if (size > c->r.limit)
        size = c->r.limit > HT_HEADER_SIZE ? c->r.limit : HT_HEADER_SIZE;
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return -errno;
    c->base = base;
    c->r.limit = size;
    return 0;
}

/* Copies the chunks. -EAGAIN, but for the last try: records were reused meanwhile. */
static int fill(struct ht_region *r, struct copier *c, uint32_t n, uint64_t file_bytes, bool last)
{
    /* Saves a third of the time for a large region; for a sparse one it would use memory for holes.
     */
    if (c->r.from.file >= 0 && file_bytes >= ht_chunk_offset(n) / 2)
        madvise(c->base, c->r.limit, MADV_HUGEPAGE);
    int err = read_chunks(c);
    uint32_t now = r->view.fold_version;
    if (!err)
        err = ht_reader_bytes(&c->r, &now, sizeof now,
                              offsetof(struct ht_region_header, fold_version));
    if (!err && !last && !ht_fold_version_holds(r->view.fold_version, now))
        err = -EAGAIN;
    return err;
}

/* -EAGAIN: as fill. */
static int copy_once(struct ht_region *r, const struct ht_region_origin *from, uint32_t kinds,
                     bool last, char *msg, size_t msg_size)
{
    struct copier c = {.r = {.from = *from}, .kinds = kinds};
    _Alignas(struct ht_region_header) unsigned char header[HT_HEADER_SIZE];
    struct stat st = {0};
    int err = read_header(r, &c, header, &st, msg, msg_size);
    if (err)
        return err;
    const struct ht_region_header *h = (const struct ht_region_header *)header;
    set_limits(r, &c, h, (uint64_t)st.st_size);
    uint64_t wanted = atomic_load(&h->n_chunks);
    if (h->size < HT_HEADER_SIZE || wanted > (h->size - HT_HEADER_SIZE) / HT_CHUNK_SIZE)
        return refuse(msg, msg_size, -EINVAL, "a region that claims more than it can hold");
    if ((err = map_room(&c, (uint32_t)wanted)))
        return refuse(msg, msg_size, err, strerror(-err));
    memcpy(c.base, header, sizeof header);
    const bool window = kinds == HT_COPY_AS_NEEDED;
    if (window) {
        err = ht_region_window_open(r, &c.r, c.base, (uint32_t)wanted);
        c.n = err ? 0 : (uint32_t)wanted;
    } else if (kinds) {
        err = fill(r, &c, (uint32_t)wanted, (uint64_t)st.st_blocks * 512, last);
    }
    if (!err) {
        /* The counters are read again at the end, so that they cover all that was copied. */
        atomic_store(&((struct ht_region_header *)c.base)->n_chunks, c.n);
        err = ht_view_init(&r->view, c.base, c.r.limit, msg, msg_size);
        if (window)
            r->view.source = ht_region_window_source(r->window);
    } else {
        refuse(msg, msg_size, err, strerror(-err));
    }
    if (err) {
        ht_region_window_close(r->window);
        r->window = NULL;
        if (kinds)
            munmap(c.base, c.r.limit);
        else
            free(c.base);
        return err;
    }
    r->copy = c.base;
    r->copy_size = c.r.limit;
    r->on_heap = !kinds;
    return 0;
}

int ht_region_copy(struct ht_region *r, const struct ht_region_origin *from, uint32_t kinds,
                   char *msg, size_t msg_size)
{
    int err;
    for (int tries = 0;; tries++) {
        err = copy_once(r, from, kinds, tries == HT_FOLD_TRIES, msg, msg_size);
        if (err != -EAGAIN)
            return err;
    }
}

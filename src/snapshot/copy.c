/* SPDX-License-Identifier: MIT */
/*
 * Copies the header, then the heads of all chunks, then the chunks of the kinds that are asked
 * for.
 */
#include "config.h"

#include "snapshot/copy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "snapshot/process.h"

/* What a reader takes into memory of one region. The target maps 2 GiB at most. */
#define COPY_MAX (4ULL << 30)

struct copier {
    const struct ht_region_origin *from;
    unsigned char *base;
    uint64_t file_size;
    uint64_t private_from;       /* 0: all in the file */
    uint64_t data_from, data_to; /* of the file: known to hold data */
    uint64_t limit;              /* offsets at or above are not available */
    uint32_t kinds;
    uint32_t n; /* chunks whose head was read */
};

static uint64_t offset_of(uint32_t chunk)
{
    return HT_HEADER_SIZE + (uint64_t)chunk * HT_CHUNK_SIZE;
}

static int read_bytes(const struct copier *c, void *to, uint64_t n, uint64_t at)
{
    bool private = c->private_from && at >= c->private_from;
    if (c->from->file >= 0 && !private)
        return ht_read_at(c->from->file, to, n, at);
    if (c->from->memory < 0)
        return -EIO;
    return ht_read_at(c->from->memory, to, n, c->from->address + at);
}

/* A chunk of which the file holds nothing: that many of them must cost nothing. */
static bool in_hole(struct copier *c, uint64_t at)
{
    if (c->from->file < 0 || (c->private_from && at >= c->private_from))
        return false;
    if (at >= c->data_from && at + HT_CHUNK_SIZE <= c->data_to)
        return false;
    off_t data = lseek(c->from->file, (off_t)at, SEEK_DATA);
    if (data < 0)
        return errno == ENXIO; /* no data from there on */
    off_t hole = lseek(c->from->file, data, SEEK_HOLE);
    c->data_from = (uint64_t)data;
    c->data_to = hole < 0 ? (uint64_t)data : (uint64_t)hole;
    return (uint64_t)data >= at + HT_CHUNK_SIZE;
}

/* Reads the heads of chunks that came since; a chunk that cannot be read ends the region. */
static int read_heads(struct copier *c)
{
    struct ht_region_header now;
    int err = read_bytes(c, &now, sizeof now, 0);
    if (err)
        return err;
    uint64_t private = atomic_load_explicit(&now.private_from, memory_order_acquire);
    if (c->from->file >= 0 && private)
        c->private_from = private;
    uint32_t n = atomic_load_explicit(&now.n_chunks, memory_order_acquire);
    for (; c->n < n; c->n++) {
        uint64_t at = offset_of(c->n);
        if (at + HT_CHUNK_SIZE > c->limit)
            break;
        if (!in_hole(c, at) && read_bytes(c, c->base + at, sizeof(struct ht_chunk), at))
            break;
    }
    return 0;
}

/* The chunks of one kind with all they hold; one that cannot be read is as one that is not there.
 */
static void read_kind(struct copier *c, uint32_t kind)
{
    for (uint32_t i = 0; i < c->n; i++) {
        uint64_t at = offset_of(i);
        struct ht_chunk *chunk = (struct ht_chunk *)(c->base + at);
        if (chunk->magic != HT_CHUNK_MAGIC || atomic_load(&chunk->kind) != kind)
            continue;
        if (read_bytes(c, chunk + 1, HT_CHUNK_SIZE - sizeof *chunk, at + sizeof *chunk))
            memset(chunk, 0, HT_CHUNK_SIZE);
    }
}

/*
 * What refers is copied before what it refers to, and the region is asked again for its length in
 * between: so the copy of a region that its process goes on writing is closed, a sample's stack
 * and a stack's frames are in it.
 */
static int read_chunks(struct copier *c)
{
    static const uint32_t order[] = {HT_KIND_LIVE,  HT_KIND_SITE,   HT_KIND_STACK,
                                     HT_KIND_FRAME, HT_KIND_MODULE, HT_KIND_DATA};
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

int ht_region_copy(struct ht_region *r, const struct ht_region_origin *from, uint32_t kinds,
                   char *msg, size_t msg_size)
{
    struct copier c = {.from = from, .kinds = kinds};
    _Alignas(struct ht_region_header) unsigned char header[HT_HEADER_SIZE];
    struct stat st;
    if (from->file >= 0) {
        if (fstat(from->file, &st))
            return refuse(msg, msg_size, -errno, strerror(errno));
        c.file_size = (uint64_t)st.st_size;
    }
    int err = from->file >= 0 && c.file_size < HT_HEADER_SIZE
                  ? -EINVAL
                  : read_bytes(&c, header, sizeof header, 0);
    if (err)
        return refuse(msg, msg_size, err,
                      err == -EINVAL || err == -EIO ? "too short for a heaptap region"
                                                    : strerror(-err));
    if ((err = ht_view_init(&r->view, header, sizeof header, msg, msg_size)))
        return err;
    const struct ht_region_header *h = (const struct ht_region_header *)header;
    uint64_t private = atomic_load(&h->private_from);
    c.private_from = from->file >= 0 ? private : 0;
    c.limit = h->size < COPY_MAX ? h->size : COPY_MAX;
    if (from->file >= 0 && !private && c.file_size < c.limit)
        c.limit = c.file_size;
    if (private && from->memory < 0) {
        c.limit = private < c.limit ? private : c.limit;
        r->lost_from = private;
    }
    uint64_t wanted = atomic_load(&h->n_chunks);
    if (h->size < HT_HEADER_SIZE || wanted > (h->size - HT_HEADER_SIZE) / HT_CHUNK_SIZE)
        return refuse(msg, msg_size, -EINVAL, "a region that claims more than it can hold");
    /* As much address space as it may grow to while it is copied; touched only where it is read. */
    uint64_t size = !kinds ? HT_HEADER_SIZE : offset_of((uint32_t)wanted) + (256ull << 20);
    if (kinds && size > c.limit)
        size = c.limit > HT_HEADER_SIZE ? c.limit : HT_HEADER_SIZE;
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return refuse(msg, msg_size, -errno, strerror(errno));
    c.base = base;
    c.limit = size;
    memcpy(base, header, sizeof header);
    if (kinds) {
        /* A third of the time to copy a large region; of a sparse one it would be memory for holes.
         */
        if (from->file >= 0 && (uint64_t)st.st_blocks * 512 >= offset_of((uint32_t)wanted) / 2)
            madvise(base, size, MADV_HUGEPAGE);
        err = read_chunks(&c);
    }
    if (!err) {
        /* The counters of the end, which cover all that was copied; the rest is as it was. */
        atomic_store(&((struct ht_region_header *)base)->n_chunks, c.n);
        err = ht_view_init(&r->view, base, size, msg, msg_size);
    } else {
        refuse(msg, msg_size, err, strerror(-err));
    }
    if (err) {
        munmap(base, size);
        return err;
    }
    r->copy = base;
    r->copy_size = size;
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* Reads a region's bytes: from its file by pread, or from its process's memory where it is
 * private. */
#include "config.h"

#include "snapshot/reader.h"

#include <errno.h>
#include <unistd.h>

#include "snapshot/process.h"

int ht_reader_bytes(const struct ht_region_reader *c, void *to, uint64_t n, uint64_t at)
{
    bool private = c->private_from && at >= c->private_from;
    if (c->from.file >= 0 && !private)
        return ht_read_at(c->from.file, to, n, at);
    if (c->from.memory < 0)
        return -EIO;
    return ht_read_at(c->from.memory, to, n, c->from.address + at);
}

int ht_reader_header(const struct ht_region_reader *c, void *to)
{
    const uint64_t at = offsetof(struct ht_region_header, fold_version);
    struct ht_region_header *h = to;
    for (int tries = 0; tries <= HT_FOLD_TRIES; tries++) {
        uint32_t now;
        int err = ht_reader_bytes(c, to, HT_HEADER_SIZE, 0);
        if (!err)
            err = ht_reader_bytes(c, &now, sizeof now, at);
        if (err)
            return err;
        if (now == atomic_load(&h->fold_version))
            break;
    }
    return 0;
}

bool ht_reader_in_hole(struct ht_region_reader *c, uint64_t at)
{
    if (c->from.file < 0 || (c->private_from && at >= c->private_from))
        return false;
    if (at >= c->data_from && at + HT_CHUNK_SIZE <= c->data_to)
        return false;
    off_t data = lseek(c->from.file, (off_t)at, SEEK_DATA);
    if (data < 0)
        return errno == ENXIO; /* no data from there on */
    off_t hole = lseek(c->from.file, data, SEEK_HOLE);
    c->data_from = (uint64_t)data;
    c->data_to = hole < 0 ? (uint64_t)data : (uint64_t)hole;
    return (uint64_t)data >= at + HT_CHUNK_SIZE;
}

int ht_reader_chunks(struct ht_region_reader *c, uint32_t *n)
{
    struct ht_region_header now;
    int err = ht_reader_bytes(c, &now, sizeof now, 0);
    if (err)
        return err;
    uint64_t private = atomic_load_explicit(&now.private_from, memory_order_acquire);
    if (c->from.file >= 0 && private)
        c->private_from = private;
    *n = atomic_load_explicit(&now.n_chunks, memory_order_acquire);
    return 0;
}

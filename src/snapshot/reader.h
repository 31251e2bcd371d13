/* SPDX-License-Identifier: MIT */
/* The sources of a region's bytes. Private to src/snapshot. */
#ifndef HEAPTAP_SRC_SNAPSHOT_READER_H
#define HEAPTAP_SRC_SNAPSHOT_READER_H

#include "snapshot/copy.h"

struct ht_region_reader {
    struct ht_region_origin from;
    uint64_t private_from;       /* 0: all in the file */
    uint64_t data_from, data_to; /* part of the file that is known to hold data */
    uint64_t limit;              /* offsets at or above cannot be read */
};

static inline uint64_t ht_chunk_offset(uint32_t chunk)
{
    return HT_HEADER_SIZE + (uint64_t)chunk * HT_CHUNK_SIZE;
}

/* How often a region is read again when its records were folded meanwhile. */
#define HT_FOLD_TRIES 3

/* The header, with the sums of folded sites that belong to its fold version. 0 or -errno. */
int ht_reader_header(const struct ht_region_reader *c, void *header);

/* 0 or -errno. */
int ht_reader_bytes(const struct ht_region_reader *c, void *to, uint64_t n, uint64_t at);

/* True for a chunk that is a hole in the file; such chunks are not read. */
bool ht_reader_in_hole(struct ht_region_reader *c, uint64_t at);

/* The number of chunks now; private_from is updated. 0 or -errno. */
int ht_reader_chunks(struct ht_region_reader *c, uint32_t *n);

#endif

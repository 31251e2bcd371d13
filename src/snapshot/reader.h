/* SPDX-License-Identifier: MIT */
/* Where the bytes of a region come from. Private to src/snapshot. */
#ifndef HEAPTAP_SRC_SNAPSHOT_READER_H
#define HEAPTAP_SRC_SNAPSHOT_READER_H

#include "snapshot/copy.h"

struct ht_region_reader {
    struct ht_region_origin from;
    uint64_t private_from;       /* 0: all in the file */
    uint64_t data_from, data_to; /* of the file: known to hold data */
    uint64_t limit;              /* offsets at or above cannot be had */
};

static inline uint64_t ht_chunk_offset(uint32_t chunk)
{
    return HT_HEADER_SIZE + (uint64_t)chunk * HT_CHUNK_SIZE;
}

/* 0 or -errno. */
int ht_reader_bytes(const struct ht_region_reader *c, void *to, uint64_t n, uint64_t at);

/* A chunk of which the file holds nothing: that many of them must cost nothing. */
bool ht_reader_in_hole(struct ht_region_reader *c, uint64_t at);

/* Chunks that are handed out now; private_from is brought up to date. 0 or -errno. */
int ht_reader_chunks(struct ht_region_reader *c, uint32_t *n);

#endif

/* SPDX-License-Identifier: MIT */
/* The bytes of a region into private memory: from its file, from the process's memory, or both. */
#ifndef HEAPTAP_SRC_SNAPSHOT_COPY_H
#define HEAPTAP_SRC_SNAPSHOT_COPY_H

#include "snapshot/region.h"

struct ht_region_origin {
    int file;         /* -1: none */
    int memory;       /* /proc/PID/mem, -1: none */
    uint64_t address; /* of the region in that memory */
};

/* Fills r->view, copy, copy_size and lost_from. 0, or -errno with what is wrong in msg. With
 * `header_only` the view has no chunks. */
int ht_region_copy(struct ht_region *r, const struct ht_region_origin *from, bool header_only,
                   char *msg, size_t msg_size);

#endif

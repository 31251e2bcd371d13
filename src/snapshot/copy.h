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

/* The kinds of chunk that are copied; the region reads as if it had no others. */
#define HT_COPY_HEADER 0u
#define HT_COPY_ALL    (~0u)
/* None at first: a chunk is read when it is asked for (snapshot/window.h). */
#define HT_COPY_AS_NEEDED (1u << 31)

/* Fills r->view, copy, copy_size and lost_from. 0, or -errno with what is wrong in msg. */
int ht_region_copy(struct ht_region *r, const struct ht_region_origin *from, uint32_t kinds,
                   char *msg, size_t msg_size);

/* open.c: opens a region of a listing by its file, which is open, or by its process. */
struct ht_process_info;
struct ht_process_map;
int ht_region_open_fd(struct ht_region *r, int fd, const char *path, uint32_t kinds, char *msg,
                      size_t msg_size);
int ht_region_open_process(struct ht_region *r, const struct ht_process_info *p,
                           const struct ht_process_map *map, uint32_t kinds, char *msg,
                           size_t msg_size);

#endif

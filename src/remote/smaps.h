/* SPDX-License-Identifier: MIT */
/*
 * What /proc/PID/smaps says of each mapping of a process. For each, the kernel walks the page
 * tables of the whole mapping while it holds the lock on the address space: the process cannot map
 * memory meanwhile, for up to 17 ms where the mapping has a GiB (Linux 6.18,
 * bench/leaks_latency.py). maps does without.
 */
#ifndef HEAPTAP_SRC_REMOTE_SMAPS_H
#define HEAPTAP_SRC_REMOTE_SMAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* Of VmFlags (proc(5)). */
enum {
    HT_SMAP_FLAGS = 1 << 0, /* the kernel wrote the line */
    HT_SMAP_MAY_WRITE = 1 << 1,
    HT_SMAP_DEVICE = 1 << 2,    /* I/O memory, or pages without a struct page */
    HT_SMAP_USERFAULT = 1 << 3, /* registered with userfaultfd, for absent pages or for writes */
};

struct ht_smap {
    uint64_t start, end, inode;
    uint64_t resident, swapped; /* bytes */
    size_t name;                /* where it stands in `names` */
    unsigned flags;
    char perms[5];
};

struct ht_smaps {
    struct ht_smap *map; /* sorted by address, apart */
    size_t n;
    char *names; /* each ends with a NUL; "" for anonymous memory */
};

/* The mappings of a process, by any of its threads; then the owner frees them. 0 or -errno: -ESRCH
 * it has ended. */
int ht_smaps_read(pid_t thread, struct ht_smaps *out);

/*
 * The same from maps, which says neither figures nor flags: `resident` is the size, a file that is
 * mapped shared may be written to when it was opened for that, and a device is known by its path.
 * -EAGAIN: that is not enough, as some memory may be registered with userfaultfd, or there is so
 * much address space that its empty parts must be known.
 */
int ht_smaps_read_maps(pid_t thread, struct ht_smaps *out);

/* The same from a file. */
int ht_smaps_parse(FILE *f, struct ht_smaps *out);

void ht_smaps_free(struct ht_smaps *s);

static inline const char *ht_smap_name(const struct ht_smaps *s, const struct ht_smap *m)
{
    return s->names + m->name;
}

#endif

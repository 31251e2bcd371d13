/* SPDX-License-Identifier: MIT */
/*
 * Finds blocks that a process has not touched for a while, by the kernel's record of their pages:
 * reads and writes by /sys/kernel/mm/page_idle (root, CONFIG_IDLE_PAGE_TRACKING), or only writes by
 * the soft-dirty bits of /proc/PID/pagemap (CONFIG_MEM_SOFT_DIRTY). When several blocks share a
 * page and one is touched, all of them count as touched; so a block that counts as idle is idle.
 */
#ifndef HEAPTAP_SRC_LEAKS_IDLE_H
#define HEAPTAP_SRC_LEAKS_IDLE_H

#include "leaks/leaks.h"

struct ht_idle {
    int pagemap, bitmap, flags; /* of the process; page_idle; /proc/kpageflags. -1: not open */
    int clear;                  /* /proc/PID/clear_refs */
    bool writes;
    struct ht_idle_page {
        uint64_t at;    /* its address */
        uint64_t frame; /* its page frame when it was marked; 0: it could not be marked */
        bool swapped;   /* it was in swap, or absent, at that time */
    } * page;           /* by address */
    size_t n;
};

/*
 * Opens what is needed. root: a directory below which the kernel's files are looked for; "" for the
 * real ones. 0, or -errno with one line in msg: -ENOSYS (this kernel keeps no such record), -EPERM
 * (this user may not read it). ht_idle_end in either case.
 */
int ht_idle_begin(struct ht_idle *d, const char *root, pid_t pid, bool writes, char *msg,
                  size_t msg_size);

/* Marks the pages of the blocks, which are sorted by address. 0 or -errno. */
int ht_idle_mark(struct ht_idle *d, const struct ht_leak_block *block, size_t n);

/* Later: sets `idle` in the blocks of which no page was touched since ht_idle_mark. 0 or -errno. */
int ht_idle_read(struct ht_idle *d, struct ht_leak_block *block, size_t n);
void ht_idle_end(struct ht_idle *d);

#endif

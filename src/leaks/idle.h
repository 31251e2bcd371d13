/* SPDX-License-Identifier: MIT */
/*
 * Which blocks a process did not touch for a while, by what the kernel knows of their pages:
 * reading and writing by /sys/kernel/mm/page_idle (root, CONFIG_IDLE_PAGE_TRACKING), or writing
 * alone by the soft-dirty bits of /proc/PID/pagemap (CONFIG_MEM_SOFT_DIRTY). A page that others
 * use as well counts as touched for all of them, so an idle block really is idle.
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
        uint64_t frame; /* where it was when it was marked; 0: it could not be */
        bool swapped;   /* it was */
    } * page;           /* by address */
    size_t n;
};

/*
 * Whether it can be told. root: the files lie below it ("": as they are). 0, or -errno with one
 * line in msg: -ENOSYS the kernel cannot tell, -EPERM it does not tell this user. end in any case.
 */
int ht_idle_begin(struct ht_idle *d, const char *root, pid_t pid, bool writes, char *msg,
                  size_t msg_size);

/* Marks the pages of the blocks, which are sorted by address. 0 or -errno. */
int ht_idle_mark(struct ht_idle *d, const struct ht_leak_block *block, size_t n);

/* Later: sets `idle` of the blocks of which no page was touched since. 0 or -errno. */
int ht_idle_read(struct ht_idle *d, struct ht_leak_block *block, size_t n);
void ht_idle_end(struct ht_idle *d);

#endif

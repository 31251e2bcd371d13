/* SPDX-License-Identifier: MIT */
/* What /proc shows of a process. */
#ifndef HEAPTAP_SRC_SNAPSHOT_PROCESS_H
#define HEAPTAP_SRC_SNAPSHOT_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct ht_process_info {
    pid_t pid;     /* its pid here */
    pid_t own_pid; /* its pid in its innermost pid namespace */
    /* a living thread: the memory is not visible through the first one when that has ended */
    pid_t thread;
    char state;           /* R S D T t Z X... */
    uint64_t start_ticks; /* stat field 22, as the first time namespace shows it */
    uint64_t image;       /* changes with exec, as the addresses of its parts do; 0: not visible */
    uint32_t threads;
    bool kernel;   /* a thread of the kernel, which has no memory of its own */
    uid_t uid;     /* effective */
    bool filtered; /* under a seccomp filter, or strict */
};

/* 0, -ESRCH when there is no such process (or all its threads are exiting or have exited, whose
 * memory is gone), or another -errno. */
int ht_process_read(pid_t pid, struct ht_process_info *out);

/* The first half of it: all but own_pid, uid and filtered. The same errors. */
int ht_process_read_stat(pid_t pid, struct ht_process_info *out);

/* The second half, of what the first one has filled. */
int ht_process_read_status(struct ht_process_info *out);

/* Its resident memory in bytes; 0: it has ended, or it cannot be read. */
uint64_t ht_process_resident(pid_t pid);

/* Where a process has its region, and in which file it lies. */
struct ht_process_map {
    bool library;           /* libheaptap is loaded */
    bool glibc;             /* and the GNU C library */
    bool parents;           /* a forked child without a region, which has its parent's mapped */
    uint64_t address;       /* of the region, 0: it has none of its own */
    uint64_t device, inode; /* of its file; inode 0: private memory */
    char path[1200];        /* of its file as the process sees it; "" for private memory */
    uint64_t
        inherited; /* without one of its own: address of its parent's, which it has from the fork */
};

/* Looks for the region of `p` in its memory map. 0, -ESRCH when it has ended since, or another
 * -errno when the map cannot be read. A region in private memory is found by its first bytes. */
int ht_process_find(const struct ht_process_info *p, struct ht_process_map *out);

/* Calls fn for the first page of each file that is mapped, with its path as the process sees it.
 * 0 or -errno when the map cannot be read. */
int ht_process_objects(const struct ht_process_info *p, void (*fn)(void *ctx, const char *path),
                       void *ctx);

/* open.c: opens the region's file that a map shows, by its path below the process's root. A
 * descriptor, or -errno. */
int ht_process_region_file(const struct ht_process_info *p, const struct ht_process_map *map);

/* Opens the memory of a process for reading, by a thread that lives. A descriptor or -errno. */
int ht_process_memory(pid_t thread);

/* Reads all n bytes at an offset. 0, -EIO when there are fewer, or -errno. */
int ht_read_at(int fd, void *to, uint64_t n, uint64_t at);

#endif

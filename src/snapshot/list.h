/* SPDX-License-Identifier: MIT */
/* All profiled processes of this user (for root, of all users): living ones, and regions of dead
 * ones (list.c); which of the latter are kept, and for how long (keep.c). */
#ifndef HEAPTAP_SRC_SNAPSHOT_LIST_H
#define HEAPTAP_SRC_SNAPSHOT_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ht_listed {
    pid_t pid; /* its pid here; for a dead one, the pid that it had */
    uid_t uid;
    bool alive;
    char state;    /* of a living one, as in /proc/PID/stat */
    bool dumped;   /* its last profile is written, the region is not needed */
    bool adopted;  /* a fork's child */
    bool waiting;  /* alive, and has no region before its first sample */
    bool relative; /* not the process that `heaptap run` started; known of living ones */
    bool signal_lost;
    bool filtered;      /* alive, and not profiled because of a seccomp filter; damage says so */
    bool other_version; /* of a dead process, with the layout of another heaptap version */
    bool removable;     /* dead, and the region is in a directory of ours */
    uint64_t run_id;
    uint64_t start_wall_ns, rate, samples, lost;
    uint64_t labels_other; /* samples whose labels found no room */
    uint64_t folded;       /* sites whose sums alone are kept */
    int64_t inuse_bytes, inuse_objects, alloc_bytes, alloc_objects;
    uint64_t resident;   /* of a living one, bytes; 0: unknown */
    uint32_t threads;    /* of a living one */
    uint64_t file_bytes; /* of memory that the region takes */
    int64_t met_dead;    /* seconds since 1970 when a command first saw it dead, 0: not yet */
    char name[64], exe[1024];
    char command_line[256]; /* as it was started */
    char title[256];        /* of a living one: as it is now */
    char unit[128];         /* of a living one: its unit of systemd, or its container's id */
    int unwritten;          /* errno of its last dump, when that one failed; else 0 */
    char output[1024], last_dump[1024];
    char path[1300];  /* of the region; "" when it is in the process's memory */
    char damage[240]; /* what is wrong with it, "" when it can be read */
};

/* A new array, living ones first, then by start. 0 or -errno. */
int ht_list(struct ht_listed **out, size_t *n);

/* The same without titles and units, which are two files of /proc for each process; and with what
 * earlier lists found, which may be NULL. */
struct ht_finds;
int ht_list_figures(struct ht_finds *found, struct ht_listed **out, size_t *n);

/*
 * Bounds what dead processes leave in this user's own directories. A region goes
 *  - when it has no sample;
 *  - when its profile has been written: at once, or under `heaptap run` after a day;
 *  - HT_KEEP_DAYS after a command first met it dead;
 *  - when all dead ones together take more than HT_KEEP_BYTES: the one met first goes first, but
 * none within HT_KEEP_HOURS of being met. A region whose process lives is never touched. list is
 * what ht_list gave; those that went are marked by an empty path. Returns how many went.
 */
#define HT_KEEP_DAYS  7
#define HT_KEEP_HOURS 1
#define HT_KEEP_BYTES (1ull << 30)
size_t ht_list_clean(struct ht_listed *list, size_t n);

/* Removes one region of a dead process that is this user's, or any user's for root. 0, or -EBUSY
 * when a process has it mapped, -EPERM when it is another user's, or another -errno. */
int ht_list_remove(const char *path);

#endif

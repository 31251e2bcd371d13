/* SPDX-License-Identifier: MIT */
/* The regions of one run: found, turned into profiles when their processes have ended, removed. */
#ifndef HEAPTAP_SRC_CLI_RUN_REGIONS_H
#define HEAPTAP_SRC_CLI_RUN_REGIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A process image that left a profile, or a reason why there is none. */
struct ht_run_profile {
    char *path;      /* the file of its last profile */
    char **numbered; /* its earlier dumps */
    size_t n_numbered;
    char name[64];
    uint32_t pid; /* its pid in its own namespace */
    bool foreign; /* in a pid namespace of its own */
    uint64_t samples, lost, truncated, rate;
    uint64_t began_ns, ended_ns; /* CLOCK_REALTIME; 0: not known */
    /* Of a forked child: its profile without what it has from its parent, and so much is in use. */
    void *own;
    size_t own_size;
    bool forked;
    uint32_t parent; /* its pid in its namespace */
    int64_t inuse;   /* bytes in use at its end, of its own where that is known */
    bool figures;    /* false: the figures are only in the profile's comments */
    size_t group;    /* its number + 1 where it is in the file of a group (groups.h) */
};

struct ht_run_living {
    char name[64];
    uint32_t pid;    /* as seen from here */
    char path[4096]; /* the file that it will write */
    bool stays;      /* its user may not write that file: the profile stays in the region */
};

/* A process that /proc shows (strays.h). */
struct ht_run_stray {
    char name[64];
    pid_t pid, own_pid; /* as seen from here, and in its own namespace */
    uid_t uid;
    uint64_t start_ticks;
    uint64_t address, device, inode; /* device and inode of its region; 0: it has none */
    char path[1200];                 /* as the process sees it */
    /* a descriptor of a region that is in no directory of this run, or -1 */
    int file;
    bool seen; /* alive at the last look */
};

/* One file for the processes of a program that ran often (groups.h). */
struct ht_run_group;

/* The mark of a process whose region is not a file (marks.h). */
struct ht_run_mark;

struct ht_run_regions {
    uint64_t run_id;
    pid_t root;             /* 0 until the program runs */
    uint64_t started_ns;    /* by the file systems' clock */
    uint64_t pid_namespace; /* of `run` */
    uint64_t device;        /* of the file system with the regions; 0: not known */
    const char *cwd;
    const char *directory; /* that regions are in, or that users have theirs in */
    const char *pattern;   /* the pattern of the output, as given to the program */
    char host[65];
    struct ht_run_profile *profiles;
    size_t n_profiles;
    struct ht_run_living *living; /* filled by the last sweep */
    size_t n_living;
    char failure[9000]; /* the first thing that could not be written */
    size_t n_failures;
    bool seen_root; /* the program itself was profiled */
    /* the program itself ended without a sample, not by a signal or an exec */
    bool empty_root;
    int blind;                       /* -errno of a look at the regions that failed; 0: none did */
    uint64_t start_ticks, next_look; /* our own start; when /proc may be looked through again */
    unsigned looks;
    struct ht_run_stray *strays;
    size_t n_strays;
    struct ht_run_mark *marks;
    size_t n_marks;
    struct ht_run_group *groups;
    size_t n_groups;
    struct ht_run_entry *entries;
    size_t n_entries;
};

void ht_run_regions_init(struct ht_run_regions *r, uint64_t run_id, const char *cwd,
                         const char *pattern, const char *program);
void ht_run_regions_finish(struct ht_run_regions *r);

/* Writes the profiles of processes that have ended, and removes their regions. The last sweep
 * also lists those that live. */
void ht_run_regions_sweep(struct ht_run_regions *r, bool last);

#endif

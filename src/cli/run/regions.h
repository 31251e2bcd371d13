/* SPDX-License-Identifier: MIT */
/* The regions of one run: found, turned into profiles when their processes have ended, removed. */
#ifndef HEAPTAP_SRC_CLI_RUN_REGIONS_H
#define HEAPTAP_SRC_CLI_RUN_REGIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One process image that has left something. */
struct ht_run_profile {
    char *path;      /* of its last profile */
    char **numbered; /* the dumps before */
    size_t n_numbered;
    char name[64];
    uint32_t pid;
    uint64_t samples, lost, truncated, rate;
    bool figures; /* false: only the profile's own comments know them */
};

struct ht_run_living {
    char name[64];
    uint32_t pid;
};

struct ht_run_regions {
    uint64_t run_id;
    pid_t root;          /* 0 until the program runs */
    int64_t started;     /* seconds, of the file systems' clock */
    const char *cwd;
    const char *pattern; /* of the output, as the program was given it */
    char host[65];
    struct ht_run_profile *profiles;
    size_t n_profiles;
    struct ht_run_living *living; /* filled by the last sweep */
    size_t n_living;
    char failure[4400];   /* the first thing that could not be written */
    size_t n_failures;
    bool seen_root;      /* the library was at work in the program itself */
    struct ht_run_entry *entries;
    size_t n_entries;
};

void ht_run_regions_init(struct ht_run_regions *r, uint64_t run_id, const char *cwd,
                         const char *pattern);
void ht_run_regions_finish(struct ht_run_regions *r);

/* Writes and removes what belongs to processes that have ended. The last sweep also lists those
 * that have not. */
void ht_run_regions_sweep(struct ht_run_regions *r, bool last);

/* A process that had no region in the file system has written its profile all the same. */
void ht_run_regions_add_file(struct ht_run_regions *r, const char *pattern, const char *name,
                             pid_t pid);

#endif

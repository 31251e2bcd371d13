/* SPDX-License-Identifier: MIT */
/*
 * One file for the processes of a program that ran often, such as a compiler's under make, in place
 * of hundreds of small ones. Not the program that was started itself, nor a process that made dumps
 * while it ran.
 */
#ifndef HEAPTAP_SRC_CLI_RUN_GROUPS_H
#define HEAPTAP_SRC_CLI_RUN_GROUPS_H

#include <stddef.h>
#include <stdint.h>

#include "cli/run/regions.h"

/* So many profiles of a program stay files of their own. */
#define HT_RUN_FEW 20

struct ht_profile;
struct ht_merge;

struct ht_run_group {
    char name[64];
    char path[4096]; /* its file */
    size_t n;        /* profiles in it */
    uint64_t samples, lost, truncated, rate;
    struct ht_merge *sum; /* until it is finished; NULL: it cannot be made */
    char failure[300];    /* why */
};

/* Finds the programs that left more than HT_RUN_FEW profiles: r->groups, and `group` of their
 * profiles, by number + 1. */
void ht_run_groups_find(struct ht_run_regions *r);

/* Adds a profile, without what it has from its parent, to that of its group; the caller keeps it.
 */
void ht_run_groups_add(struct ht_run_regions *r, const struct ht_run_profile *of,
                       struct ht_profile *part);

/* The sum of a group, to be destroyed, and its path. NULL with g->failure. */
struct ht_profile *ht_run_groups_finish(struct ht_run_regions *r, struct ht_run_group *g);

/* The group's file has been written: removes those of its profiles, and adds their figures up. */
void ht_run_groups_written(struct ht_run_regions *r, struct ht_run_group *g);

/* Its profiles keep their own files. Returns how many these are. */
size_t ht_run_groups_dissolve(struct ht_run_regions *r, struct ht_run_group *g);

void ht_run_groups_destroy(struct ht_run_regions *r);

#endif

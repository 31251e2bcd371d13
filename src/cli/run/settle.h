/* SPDX-License-Identifier: MIT */
/* What comes of the processes of a run that have ended: their profiles, or why there is none. */
#ifndef HEAPTAP_SRC_CLI_RUN_SETTLE_H
#define HEAPTAP_SRC_CLI_RUN_SETTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/run/regions.h"
#include "region/pattern.h"
#include "region/view.h"

/* Room for one more in an array, zeroed; NULL when out of memory. */
void *ht_run_append(void *list, size_t *n, size_t size);

/* Whether a process's pid namespace is known to be another than ours: its pid says nothing here. */
bool ht_run_is_foreign(const struct ht_run_regions *r, uint64_t pid_namespace);

/* To be printed after such a pid. */
#define HT_RUN_WHERE(foreign) ((foreign) ? " in a pid namespace of its own" : "")

/* What a pattern's words mean for a process of the run. */
struct ht_pattern ht_run_values(const struct ht_run_regions *r, const char *name, uint32_t pid);

/*
 * Takes down the profile that a process wrote, or writes it from its region. `strangers`: what the
 * region says of files is not to be trusted. `elsewhere`: the process saw other mounts, and what it
 * wrote may not be here. Returns whether the region is no longer needed.
 */
bool ht_run_settle(struct ht_run_regions *r, const struct ht_view *v, bool strangers,
                   bool elsewhere);

/* Takes down what went wrong: the first of them is printed. */
void ht_run_fail(struct ht_run_regions *r, const char *msg);

/* A process that had its samples in its own memory, and wrote no profile: error is why, 0: it did
 * not come to it. */
void ht_run_lose(struct ht_run_regions *r, const char *name, uint32_t pid, bool foreign, int error,
                 const char *path);

/* A process that outlives the program; own_pid is its pid in its own namespace. */
void ht_run_list_living(struct ht_run_regions *r, const char *name, uint32_t pid, uint32_t own_pid,
                        uid_t uid);

/* A profile that a process without a region in the file system has written all the same. False when
 * there is none. */
bool ht_run_regions_add_file(struct ht_run_regions *r, const char *pattern, const char *name,
                             pid_t pid);

#endif

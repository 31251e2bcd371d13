/* SPDX-License-Identifier: MIT */
/* For the processes of a run that have ended: their profiles, or why there is none. */
#ifndef HEAPTAP_SRC_CLI_RUN_FINISH_H
#define HEAPTAP_SRC_CLI_RUN_FINISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/run/regions.h"
#include "region/pattern.h"
#include "region/view.h"

/* Room for one more in an array, zeroed; NULL when out of memory. */
void *ht_run_append(void *list, size_t *n, size_t size);

/* True when a process is known to be in another pid namespace, so that its pid means nothing
 * here. */
bool ht_run_is_foreign(const struct ht_run_regions *r, uint64_t pid_namespace);

/* A note that is printed after such a pid. */
#define HT_RUN_WHERE(foreign) ((foreign) ? " in a pid namespace of its own" : "")

/* The values of a pattern's words for a process of the run. */
struct ht_pattern ht_run_values(const struct ht_run_regions *r, const char *name, uint32_t pid);

/* Puts a number into a path that another process or image of this run has. False: it is too long.
 */
bool ht_run_free_path(const struct ht_run_regions *r, char *path, size_t size);

/*
 * Records the profile that a process wrote, or writes it from its region. `foreign_owner`: the
 * files that the region names are not trusted. `other_mounts`: the process saw other mounts, and
 * its file may not be visible here. Returns whether the region is no longer needed.
 */
bool ht_run_finish_region(struct ht_run_regions *r, const struct ht_view *v, bool foreign_owner,
                          bool other_mounts);

/* Records what failed; the first such message is printed. */
void ht_run_fail(struct ht_run_regions *r, const char *msg);

/* Records a process that had its samples in its own memory and wrote no profile: err is why;
 * 0: it did not try. */
void ht_run_lose(struct ht_run_regions *r, const char *name, uint32_t pid, bool foreign, int err,
                 const char *path);

/* Records a process that outlives the program; own_pid is its pid in its own namespace. */
void ht_run_list_living(struct ht_run_regions *r, const char *name, uint32_t pid, uint32_t own_pid,
                        uid_t uid);

/* Records a profile that a process without a region in the file system wrote itself. False:
 * there is none. */
bool ht_run_regions_add_file(struct ht_run_regions *r, const char *pattern, const char *name,
                             pid_t pid);

#endif

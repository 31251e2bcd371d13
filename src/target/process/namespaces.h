/* SPDX-License-Identifier: MIT */
/* What distinguishes this process from others with the same pid: its start time and its pid
 * namespace. */
#ifndef HEAPTAP_SRC_TARGET_PROCESS_NAMESPACES_H
#define HEAPTAP_SRC_TARGET_PROCESS_NAMESPACES_H

#include <stdbool.h>
#include <stdint.h>

struct ht_region_header;

/* This process's start in ticks since the machine's boot: /proc/PID/stat as the first time
 * namespace shows it. 0 when /proc is not there. */
uint64_t ht_start_ticks(void);

/* Nanoseconds by which CLOCK_BOOTTIME here is ahead of the first time namespace's. */
int64_t ht_boot_offset(void);

/* The inode number of the pid namespace, 0 without /proc. Numbers are reused. */
uint64_t ht_pid_namespace(void);

/* True when the region is of a process in another pid namespace than `other`, and both are known.
 */
bool ht_namespaces_differ(const struct ht_region_header *h, uint64_t other);

/* True when `heaptap run` is known to be in another pid namespace, where this pid is another
 * process's. */
bool ht_pid_is_foreign(const struct ht_region_header *h);

/* True when `heaptap run` finds the region: in the file system where its own regions are. */
bool ht_run_finds(const char *region_path);

/* True when `heaptap run` reads the region and removes it, unless the process outlives `run`. In
 * another pid namespace the pid means nothing to `run`: there the region leaves a mark
 * (HT_REGION_LEFT_MODE). */
bool ht_run_waits(void);

#endif

/* SPDX-License-Identifier: MIT */
/* What tells this process from one with the same pid in another pid namespace, and from when. */
#ifndef HEAPTAP_SRC_TARGET_PROCESS_NAMESPACES_H
#define HEAPTAP_SRC_TARGET_PROCESS_NAMESPACES_H

#include <stdbool.h>
#include <stdint.h>

struct ht_region_header;

/* This process's start in ticks since the machine's boot: /proc/PID/stat as the first time
 * namespace shows it. 0 when /proc is not there. */
uint64_t ht_start_ticks(void);

/* Nanoseconds by which CLOCK_BOOTTIME here is ahead of that in the first time namespace. */
int64_t ht_boot_offset(void);

/* The inode number of the pid namespace, 0 when /proc is not there. Numbers are used again. */
uint64_t ht_pid_namespace(void);

/* Whether `heaptap run` is known to be in another pid namespace, where our pid is another's. */
bool ht_pid_is_foreign(const struct ht_region_header *h);

/* Whether `heaptap run` finds the region where it looks: in the file system that its own are in. */
bool ht_run_finds(const char *region_path);

/* `heaptap run` reads what the region says and removes it itself, unless we outlived it. In another
 * pid namespace its pid says nothing: there it leaves a mark (HT_REGION_LEFT_MODE). */
bool ht_run_waits(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A mark: what `heaptap run` reads of a process that could have no region in a file. It is a
 * symbolic link to nothing, in the directory of regions, named like a region: making one needs no
 * descriptor and counts to no limit on the size of files. Its text:
 * "heaptap:RUN:NAMESPACE:STATE:ERROR:PROGRAM:PATH". Made under `run` alone, which removes it.
 */
#ifndef HEAPTAP_SRC_TARGET_PROCESS_MARK_H
#define HEAPTAP_SRC_TARGET_PROCESS_MARK_H

#include <stdbool.h>

/* At start: the process has its region in its own memory. Not for a fork's child, which would
 * make new system calls during an allocation. */
void ht_mark_make(void);

/* The result of its last dump: err 0 and the path, or -errno. */
void ht_mark_result(int err, const char *path);

void ht_mark_remove(void);

/* True when there is a mark that `run` finds. */
bool ht_mark_is_found(void);

#endif

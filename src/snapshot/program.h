/* SPDX-License-Identifier: MIT */
/* The path of a process's program, by the name under which it was started. */
#ifndef HEAPTAP_SRC_SNAPSHOT_PROGRAM_H
#define HEAPTAP_SRC_SNAPSHOT_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* exe: what /proc/PID/exe leads to. out gets it, or the link to it that the process was started by,
 * as the process sees it. */
void ht_process_program(pid_t pid, const char *exe, char *out, size_t size);

#endif

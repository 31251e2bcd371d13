/* SPDX-License-Identifier: MIT */
/* The path of a process's program, by the name under which it was started. */
#ifndef HEAPTAP_SRC_SNAPSHOT_PROGRAM_H
#define HEAPTAP_SRC_SNAPSHOT_PROGRAM_H

#include <stddef.h>
#include <sys/types.h>

/* exe: what /proc/PID/exe leads to. out gets it, or the link to it that the process was started by,
 * as the process sees it. */
void ht_process_program(pid_t pid, const char *exe, char *out, size_t size);

/* The name of a process's program: the last part of that path; of what the kernel calls it where
 * its file is not known. No control characters. */
void ht_process_name(pid_t pid, char *out, size_t size);

#endif

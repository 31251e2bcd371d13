/* SPDX-License-Identifier: MIT */
/* What a process calls itself now, and where a service manager put it. */
#ifndef HEAPTAP_SRC_SNAPSHOT_TITLE_H
#define HEAPTAP_SRC_SNAPSHOT_TITLE_H

#include <stddef.h>
#include <sys/types.h>

/* Reads a file of /proc/PID as a string, "" when it cannot be read. Returns its length. */
size_t ht_process_text(pid_t pid, const char *file, char *out, size_t size);

/* The command line of the process as it is now, with spaces between its words: "nginx: master
 * process nginx". No control characters. "" for a process that is gone. */
void ht_process_title(pid_t pid, char *out, size_t size);

/* The unit of systemd that the process is in ("nginx.service"), or the first 12 digits of its
 * container's id; "": neither. */
void ht_process_unit(pid_t pid, char *out, size_t size);

#endif

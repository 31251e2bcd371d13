/* SPDX-License-Identifier: MIT */
/* The lines of a file of /proc/PID, without the buffers of stdio: a list of a thousand processes
 * reads three files of each. Private to src/snapshot. */
#ifndef HEAPTAP_SRC_SNAPSHOT_PROC_LINES_H
#define HEAPTAP_SRC_SNAPSHOT_PROC_LINES_H

#include <stddef.h>
#include <sys/types.h>

/* Longer than any line of a memory map, of which a path takes at most a page. */
#define HT_PROC_LINES_ROOM 8192

struct ht_proc_lines {
    int fd;
    int err; /* -errno of a read that failed, else 0 */
    size_t at, n;
    char text[HT_PROC_LINES_ROOM + 1];
};

/* 0 or -errno. Of a thread's files, too: its number names them. */
int ht_proc_lines_open(struct ht_proc_lines *l, pid_t pid, const char *file);

/* The next line, without its end; good until the next call. NULL at the end, and after an error. */
char *ht_proc_lines_next(struct ht_proc_lines *l);

void ht_proc_lines_close(struct ht_proc_lines *l);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What the memory maps of processes showed, kept from one list to the next: a server that is asked
 * once a second need not read them all each time. A process is known by its pid, its start time and
 * its image, which exec changes.
 */
#ifndef HEAPTAP_SRC_SNAPSHOT_FOUND_H
#define HEAPTAP_SRC_SNAPSHOT_FOUND_H

#include "snapshot/process.h"

/* Of so many processes something is kept, at most. */
#define HT_FOUND_MOST 65536u

/*
 * That a process has no library is believed for HT_FOUND_AGAIN seconds, and only when it still had
 * none HT_FOUND_SETTLED seconds after its image was first seen: the loader maps the library some
 * time after exec.
 */
#define HT_FOUND_SETTLED 5
#define HT_FOUND_AGAIN   60

struct ht_finds;

/* NULL: out of memory. Every function here may be called from any thread. */
struct ht_finds *ht_found_new(void);
void ht_found_free(struct ht_finds *f);

/* As ht_process_read and ht_process_find; a thread of the kernel is no process. f NULL: nothing is
 * kept. -EACCES: it is another user's, whose processes only root may see. *kept: the map is from an
 * earlier look. */
int ht_found_look(struct ht_finds *f, pid_t pid, struct ht_process_info *p,
                  struct ht_process_map *map, bool *kept);

/* What was kept of a process turned out to be wrong. */
void ht_found_forget(struct ht_finds *f, pid_t pid);

/* A list is complete: what was not looked at in it, nor in the one before, is dropped. */
void ht_found_sweep(struct ht_finds *f);

#endif

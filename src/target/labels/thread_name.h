/* SPDX-License-Identifier: MIT */
/* Label "thread": the name of the calling thread, its digits folded. Signal-safe. */
#ifndef HEAPTAP_SRC_TARGET_LABELS_THREAD_NAME_H
#define HEAPTAP_SRC_TARGET_LABELS_THREAD_NAME_H

#include <stdint.h>

/* The number of the set that is this label alone; 0: the name is not known. The thread is guarded,
 * and the region is its own. */
uint32_t ht_thread_name_set(void);

/* Before a seccomp filter: finds out the calling thread's name, for it cannot be asked for later.
 */
void ht_thread_name_remember(void);

/* The calling thread was given a name by a call that returned `result`, 0: done. Any thread, also
 * with no labels asked for. */
void ht_thread_renamed(const char *name, long result);

/* Some other thread was given a name. */
void ht_other_thread_renamed(void);

#endif

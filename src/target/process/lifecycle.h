/* SPDX-License-Identifier: MIT */
/* Exit. */
#ifndef HEAPTAP_SRC_TARGET_PROCESS_LIFECYCLE_H
#define HEAPTAP_SRC_TARGET_PROCESS_LIFECYCLE_H

/* The process is about to end: the last dump, or the region taken away when there is nothing in
 * it. Async-signal-safe. */
void ht_on_exit(void);

#endif

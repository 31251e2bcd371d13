/* SPDX-License-Identifier: MIT */
/*
 * heaptap_label: labels that a thread sets for what it does next. Signal-safe; a handler may set
 * labels of its own, and may leave by longjmp.
 */
#ifndef HEAPTAP_SRC_TARGET_LABELS_OWN_H
#define HEAPTAP_SRC_TARGET_LABELS_OWN_H

#include "target/labels/values.h"

/* At the start, when keys of the program's are asked for: maps the memory, of which only what is
 * used becomes present. */
void ht_own_labels_start(void);

/* Sets a label, or with value NULL takes it away, for the calling thread. Returns what
 * ht_own_label_end takes to undo it, at least 0; -ENOMEM: there is no memory for it, -ENOSPC:
 * HT_OWN_LABELS are set, -EBUSY: signal handlers set labels all the while. */
int ht_own_label(const char *key, const char *value);

/* Undoes the labels since the one that returned `before`. Other values do nothing. */
void ht_own_label_end(int before);

/* Adds the calling thread's labels to *v. The values stay while the thread is in a hook. */
void ht_own_labels(struct ht_label_values *v);

#define HT_OWN_LABELS 8u /* set at a time, by one thread */

#endif

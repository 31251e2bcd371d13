/* SPDX-License-Identifier: MIT */
/*
 * Labels that libraries in the program publish for profilers: the thread context of OpenTelemetry
 * (OTEP 4947) and custom-labels (ABI v1). What they point to is read as unknown memory.
 */
#ifndef HEAPTAP_SRC_TARGET_LABELS_PUBLISHED_H
#define HEAPTAP_SRC_TARGET_LABELS_PUBLISHED_H

#include <stdint.h>

#include "target/labels/values.h"
#include "target/os/hidden.h"

/* At the start, before threads: finds the variables of the objects that are there, and prepares for
 * heaptap_label. */
void ht_published_start(void);

/* A mapping was named by prctl(PR_SET_VMA): perhaps OpenTelemetry's process context, which names
 * the keys. caller: a pc in the object that made the call. */
void ht_published_named(uint64_t at, const char *name, uint64_t caller);

/* Adds what was published for the calling thread, of keys that have no value yet. */
void ht_published_labels(struct ht_label_values *v, struct ht_label_room *room);

/* Something was found to look at; relaxed. */
extern HT_HIDDEN _Atomic uint32_t ht_published;

#endif

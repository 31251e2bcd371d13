/* SPDX-License-Identifier: MIT */
/* custom-labels (ABI v1). Signal-safe. */
#ifndef HEAPTAP_SRC_TARGET_LABELS_CUSTOM_LABELS_H
#define HEAPTAP_SRC_TARGET_LABELS_CUSTOM_LABELS_H

#include <link.h>
#include <stdbool.h>

#include "target/labels/values.h"

/* At the start: finds the variable in an object. True when it was not found before. */
bool ht_custom_labels_find(const struct link_map *l, bool is_program);

/* Adds the calling thread's labels, of keys that have no value yet. */
void ht_custom_labels(struct ht_label_values *v, struct ht_label_room *room);

#endif

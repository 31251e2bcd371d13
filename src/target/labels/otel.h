/* SPDX-License-Identifier: MIT */
/* OpenTelemetry's thread context (OTEP 4947). Signal-safe. */
#ifndef HEAPTAP_SRC_TARGET_LABELS_OTEL_H
#define HEAPTAP_SRC_TARGET_LABELS_OTEL_H

#include <link.h>
#include <stdbool.h>

#include "target/labels/values.h"

/* Finds the variable in an object that stays meanwhile: true when it was not found before. */
bool ht_otel_find(const struct link_map *l);

/* As ht_published_named; true when the variable was found by it. */
bool ht_otel_named(uint64_t at, const char *name, uint64_t caller);

/* Adds what the calling thread's record says, of keys that have no value yet. */
void ht_otel_labels(struct ht_label_values *v, struct ht_label_room *room);

#endif

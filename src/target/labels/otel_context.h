/* SPDX-License-Identifier: MIT */
/* The keys of OpenTelemetry's thread context, from its process context. Any thread; signal-safe. */
#ifndef HEAPTAP_SRC_TARGET_LABELS_OTEL_CONTEXT_H
#define HEAPTAP_SRC_TARGET_LABELS_OTEL_CONTEXT_H

#include <stdint.h>

/* Reads the process context at an address. What is not one changes nothing. */
void ht_otel_read_keys(uint64_t at);

/* The number in ht_config.labels of the key that has this number there; -1: it was not asked for.
 */
int ht_otel_key(uint8_t index);

#endif

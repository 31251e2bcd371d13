/* SPDX-License-Identifier: MIT */
/* Sizes, durations and signal names as people write them; shared by the command and the library. */
#ifndef HEAPTAP_SRC_REGION_UNITS_H
#define HEAPTAP_SRC_REGION_UNITS_H

#include <stdbool.h>
#include <stdint.h>

/* "512k", "64K", "2M", "1G", "4096": bytes. False when it is none, or beyond 2^50. */
bool ht_parse_size(const char *s, uint64_t *bytes);

/* "500ms", "10s", "5m", "2h", "1d", or plain seconds ("10"): nanoseconds. */
bool ht_parse_duration(const char *s, uint64_t *ns);

/* "USR1", "SIGUSR2", "12", "RTMIN+3", "none" (0): a signal that can be handled. */
bool ht_parse_signal(const char *s, int *number);

#endif

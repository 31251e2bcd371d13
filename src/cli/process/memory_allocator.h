/* SPDX-License-Identifier: MIT */
/* What the allocator of a process counts itself, as heaptap memory shows it. */
#ifndef HEAPTAP_SRC_CLI_PROCESS_MEMORY_ALLOCATOR_H
#define HEAPTAP_SRC_CLI_PROCESS_MEMORY_ALLOCATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "memory/memory.h"
#include "util/jansson.h"

/* Bytes in use by its own count, and its name. False: it cannot be read. */
bool ht_memory_allocator_inuse(const struct ht_memory *m, uint64_t *bytes, const char **name);

/* A line or two on standard output. inuse: bytes by the profile; 0: there is none. */
void ht_memory_allocator_print(const struct ht_memory *m, double inuse);

/* Its fields of the object of --json. */
void ht_memory_allocator_json(const struct ht_memory *m, json_t *root);

#endif

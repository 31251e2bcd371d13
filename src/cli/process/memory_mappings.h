/* SPDX-License-Identifier: MIT */
/* What a process maps itself, by owner: rows of heaptap memory. */
#ifndef HEAPTAP_SRC_CLI_PROCESS_MEMORY_MAPPINGS_H
#define HEAPTAP_SRC_CLI_PROCESS_MEMORY_MAPPINGS_H

#include <stdbool.h>

#include "remote/remote.h"
#include "snapshot/region.h"
#include "util/jansson.h"

struct ht_memory_mappings;

/* NULL: mappings are not recorded, or memory is out. */
struct ht_memory_mappings *ht_memory_mappings_read(const struct ht_region *region,
                                                   struct ht_remote *r);
void ht_memory_mappings_destroy(struct ht_memory_mappings *m);

/* A heading and the largest owners, or nothing where nothing is mapped. */
void ht_memory_mappings_print(const struct ht_memory_mappings *m);

/* All owners, a new array. */
json_t *ht_memory_mappings_json(const struct ht_memory_mappings *m);

#endif

/* SPDX-License-Identifier: MIT */
/* Parts of a process's memory by the owners of their stacks: what it maps itself, and pages that
 * are kept for little. For heaptap memory. */
#ifndef HEAPTAP_SRC_CLI_PROCESS_MEMORY_OWNERS_H
#define HEAPTAP_SRC_CLI_PROCESS_MEMORY_OWNERS_H

#include <stdbool.h>

#include "remote/remote.h"
#include "snapshot/region.h"
#include "util/jansson.h"

struct ht_memory_owners;

/* NULL: mappings are not recorded, or memory is out. */
struct ht_memory_owners *ht_memory_mappings(const struct ht_region *region, struct ht_remote *r);

/* NULL with one line in msg. */
struct ht_memory_owners *ht_memory_sparse(const struct ht_region *region, struct ht_remote *r,
                                          char *msg, size_t msg_size);
void ht_memory_owners_destroy(struct ht_memory_owners *m);

/* A heading and the largest owners, or nothing where there are none. */
void ht_memory_mappings_print(const struct ht_memory_owners *m);
void ht_memory_sparse_print(const struct ht_memory_owners *m);

/* All owners, a new array. */
json_t *ht_memory_mappings_json(const struct ht_memory_owners *m);
json_t *ht_memory_sparse_json(const struct ht_memory_owners *m);
/* Where they are estimated: how many such pages there are, and what is empty on them. */
void ht_memory_sparse_sums_json(const struct ht_memory_owners *m, json_t *root);

#endif

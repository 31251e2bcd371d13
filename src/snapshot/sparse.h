/* SPDX-License-Identifier: MIT */
/* Pages of the heap that are kept for little, by the sites of what keeps them. */
#ifndef HEAPTAP_SRC_SNAPSHOT_SPARSE_H
#define HEAPTAP_SRC_SNAPSHOT_SPARSE_H

#include "snapshot/mappings.h"

#define HT_SPARSE 4 /* a page is one when a 4th of it at most is in use */

/*
 * Of a process in exact mode: pages that are resident and of which live objects have a quarter at
 * most. A profile, without symbols, of what keeps them: alloc_objects pages (each at its largest
 * object), alloc_space the objects' bytes on them, inuse_objects objects that begin there,
 * inuse_space what is empty there, by the objects' bytes. NULL with *err and one line in msg:
 * -ENODATA when some live object was sampled.
 */
struct ht_profile *ht_region_sparse(const struct ht_region *r, ht_mapping_look_fn look, void *ctx,
                                    int *err, char *msg, size_t msg_size);

/* At such a rate small sampled blocks are put on pages of their own (target/allocator/place.h). */
#define HT_SPARSE_RATE   131072u
#define HT_SPARSE_PLACED 1040u

/* Bytes in use on the page at an address, with the allocator's own for each block; 0: not known. */
typedef uint32_t (*ht_page_used_fn)(void *ctx, uint64_t page);

/*
 * The same of samples, estimated: used says how full each page is, by a walk through glibc's heap.
 * A page is shared by its blocks' bytes; inuse_objects are the samples that a row is of. NULL with
 * *err and one line in msg: -ENODATA when the rate is HT_SPARSE_RATE or more.
 */
struct ht_profile *ht_region_sparse_estimated(const struct ht_region *r, ht_page_used_fn used,
                                              void *ctx, int *err, char *msg, size_t msg_size);

#endif

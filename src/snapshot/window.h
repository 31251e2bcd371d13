/* SPDX-License-Identifier: MIT */
/*
 * A region that is read as it is needed: its address space is reserved, and the chunks that were
 * used last are in memory.
 */
#ifndef HEAPTAP_SRC_SNAPSHOT_WINDOW_H
#define HEAPTAP_SRC_SNAPSHOT_WINDOW_H

#include "snapshot/reader.h"

struct ht_region_window;

/* Of n chunks in the address space at base, which the reader's limit ends. Sets r->window. Keeps
 * descriptors of its own. 0 or -errno. */
int ht_region_window_open(struct ht_region *r, const struct ht_region_reader *reader, void *base,
                          uint32_t n);

/* True: records of the region may have been used again since the view was taken, which is now as
 * the region is; what was read is to be read again. w may be NULL: false. */
bool ht_region_window_folded(struct ht_region_window *w, struct ht_view *view);

struct ht_view_source *ht_region_window_source(struct ht_region_window *w);
void ht_region_window_close(struct ht_region_window *w);

#endif

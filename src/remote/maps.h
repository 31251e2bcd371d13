/* SPDX-License-Identifier: MIT */
/* The memory map of another process; see remote.h. */
#ifndef HEAPTAP_SRC_REMOTE_MAPS_H
#define HEAPTAP_SRC_REMOTE_MAPS_H

#include "remote/remote.h"

/* Reads /proc/PID/maps in place of what was read before. 0 or -errno. */
int ht_remote_maps_read(struct ht_remote *r);

/* As ht_remote_maps_copy, for the maps alone. */
int ht_remote_maps_copy_to(struct ht_remote *to, const struct ht_remote *from);
void ht_remote_maps_free(struct ht_remote *r);

#endif

/* SPDX-License-Identifier: MIT */
/* Opening files whose paths are not trusted. */
#ifndef HEAPTAP_SRC_UTIL_OPEN_H
#define HEAPTAP_SRC_UTIL_OPEN_H

/* Opens a regular file for reading. Returns a descriptor, or -errno; -EINVAL: it is no regular
 * file. It never waits (for a FIFO's writer), and never opens a device, which might have effects.
 * The caller closes the descriptor. */
int ht_open_regular(const char *path);

#endif

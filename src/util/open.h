/* SPDX-License-Identifier: MIT */
#ifndef HEAPTAP_SRC_UTIL_OPEN_H
#define HEAPTAP_SRC_UTIL_OPEN_H

/* Opens for reading a path that others may have chosen: a descriptor, -errno, or -EINVAL for what
 * is no regular file. That is neither waited for (a FIFO) nor opened at all (a device that does
 * things). */
int ht_open_regular(const char *path);

#endif

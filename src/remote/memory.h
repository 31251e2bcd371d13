/* SPDX-License-Identifier: MIT */
/* The cache of another process's pages; remote.h has the reading. */
#ifndef HEAPTAP_SRC_REMOTE_MEMORY_H
#define HEAPTAP_SRC_REMOTE_MEMORY_H

#include "remote/remote.h"

/* NULL-safe. */
void ht_remote_memory_destroy(struct ht_remote *r);

#endif

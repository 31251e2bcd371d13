/* SPDX-License-Identifier: MIT */
/* The pages of another process that were read; see remote.h for the reading. */
#ifndef HEAPTAP_SRC_REMOTE_MEMORY_H
#define HEAPTAP_SRC_REMOTE_MEMORY_H

#include "remote/remote.h"

/* NULL-safe. */
void ht_remote_memory_destroy(struct ht_remote *r);

#endif

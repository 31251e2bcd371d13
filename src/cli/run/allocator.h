/* SPDX-License-Identifier: MIT */
/* --allocator: the library behind the word. */
#ifndef HEAPTAP_SRC_CLI_RUN_ALLOCATOR_H
#define HEAPTAP_SRC_CLI_RUN_ALLOCATOR_H

#include <stddef.h>

/* Writes the path to preload. 0, or -ENOENT, -EINVAL with one line in msg. */
int ht_allocator_find(const char *word, char *path, size_t size, char *msg, size_t msg_size);

#endif

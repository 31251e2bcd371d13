/* SPDX-License-Identifier: MIT */
/* "top PROGRAM PROFILE": the program given by hand, as pprof and jeprof take it. */
#ifndef HEAPTAP_SRC_CLI_SOURCE_BINARY_H
#define HEAPTAP_SRC_CLI_SOURCE_BINARY_H

#include <stdbool.h>

#include "profile/profile.h"

/* Whether the path is an ELF file of this machine's kind. */
bool ht_binary_is(const char *path);

/*
 * Uses the program for the mapping of the same build-id, else for the first one, whatever its
 * recorded path. A first mapping of another build keeps its path, and a line says so. 0 or -ENOMEM.
 */
int ht_binary_override(struct ht_profile *p, const char *path);

#endif

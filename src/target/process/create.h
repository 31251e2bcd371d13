/* SPDX-License-Identifier: MIT */
/* Making this process's region. */
#ifndef HEAPTAP_SRC_TARGET_PROCESS_CREATE_H
#define HEAPTAP_SRC_TARGET_PROCESS_CREATE_H

#include <stdbool.h>
#include <stdint.h>

/* Creates this process's region: a file, or private memory where no file can be had. `file` false
 * asks for private memory (inside a sandbox, where opening files may be fatal). 0 or -errno. */
int ht_region_create(bool file);

#endif

/* SPDX-License-Identifier: MIT */
/* The ELF objects of another process; see remote.h. */
#ifndef HEAPTAP_SRC_REMOTE_MODULE_H
#define HEAPTAP_SRC_REMOTE_MODULE_H

#include "remote/remote.h"

/* After the maps were read: frees objects that are not mapped any more. */
void ht_remote_modules_check(struct ht_remote *r);
/* True when m has unwind tables; they are copied now if they were not yet. */
bool ht_remote_tables(struct ht_remote *r, struct ht_remote_module *m);

/* Frees the copies of the tables. */
void ht_remote_modules_rest(struct ht_remote *r);
void ht_remote_modules_destroy(struct ht_remote *r);

#endif

/* SPDX-License-Identifier: MIT */
/* A cache of the rules for stepping out of frames, by address; threads have frames in common. */
#ifndef HEAPTAP_SRC_REMOTE_ROWS_H
#define HEAPTAP_SRC_REMOTE_ROWS_H

#include "remote/remote.h"

void ht_remote_rows_clear(struct ht_remote *r);
void ht_remote_rows_destroy(struct ht_remote *r); /* NULL-safe */

/* The rules at pc (for a call: return address - 1). NULL: none are known. Good until the next call.
 */
const struct ht_row *ht_remote_row(struct ht_remote *r, uint64_t pc);

#endif

/* SPDX-License-Identifier: MIT */
/* Memory for the bucket arrays of the live table and of the table of stacks: arrays of chain heads.
 * Any thread, and signal handlers. */
#ifndef HEAPTAP_SRC_TARGET_TABLES_BUCKET_ARRAYS_H
#define HEAPTAP_SRC_TARGET_TABLES_BUCKET_ARRAYS_H

#include <stdint.h>

/* n chain heads, all 0. NULL: memory is out, or the pool's lock could not be taken. */
uint32_t *ht_bucket_array_new(uint32_t n);

/* Gives an array of n heads back, after a larger one has replaced it. A small array is not reused:
 * since arrays double, all arrays lost in that way are no larger together than the last one. */
void ht_bucket_array_release(uint32_t *heads, uint32_t n);

/* Frees the lock in a forked child: another thread of the parent may have held it. */
void ht_bucket_arrays_forked(void);

#endif

/* SPDX-License-Identifier: MIT */
/* Memory for the arrays of heads that the live table's shards have. */
#ifndef HEAPTAP_SRC_TARGET_TABLES_BUCKET_ARRAYS_H
#define HEAPTAP_SRC_TARGET_TABLES_BUCKET_ARRAYS_H

#include <stdint.h>

/* n heads, all 0, or NULL when memory is out. */
uint32_t *ht_bucket_array_new(uint32_t n);

/* On doubling. Small ones are not used again: at most as much again is lost. */
void ht_bucket_array_release(uint32_t *heads, uint32_t n);

/* In a forked child: another thread of the parent may have been at it. */
void ht_bucket_arrays_forked(void);

#endif

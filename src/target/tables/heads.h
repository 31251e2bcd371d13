/* SPDX-License-Identifier: MIT */
/* Memory for the arrays of heads that the live table's shards have. */
#ifndef HEAPTAP_SRC_TARGET_TABLES_HEADS_H
#define HEAPTAP_SRC_TARGET_TABLES_HEADS_H

#include <stdint.h>

/* n heads, all 0, or NULL when memory is out. */
uint32_t *ht_heads_new(uint32_t n);

/* On doubling. Small ones are not used again: at most as much again is lost. */
void ht_heads_give_up(uint32_t *heads, uint32_t n);

/* In a forked child: another thread of the parent may have been at it. */
void ht_heads_adopt(void);

#endif

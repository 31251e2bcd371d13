/* SPDX-License-Identifier: MIT */
/* Memory given back all at once. */
#ifndef HEAPTAP_SRC_SYMBOLIZE_POOL_H
#define HEAPTAP_SRC_SYMBOLIZE_POOL_H

#include <stddef.h>

struct ht_pool_block;

/* Zero-initialised is empty. */
struct ht_pool {
    struct ht_pool_block *blocks;
    size_t left;
};

/* n zeroed bytes, aligned for anything. NULL when out of memory. */
void *ht_pool_alloc(struct ht_pool *pool, size_t n);

/* n objects of the given size; NULL also when the product overflows. */
void *ht_pool_array(struct ht_pool *pool, size_t n, size_t size);

/* A copy of a string. NULL when out of memory. */
char *ht_pool_str(struct ht_pool *pool, const char *s);

void ht_pool_finish(struct ht_pool *pool);

#endif

/* SPDX-License-Identifier: MIT */
/* Blocks of 64 KiB, or as large as is asked, filled from their beginning and freed together. */
#include "config.h"

#include "symbolize/pool.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64 << 10, ALIGN = 16 };

struct ht_pool_block {
    struct ht_pool_block *next;
    size_t size;
    _Alignas(ALIGN) char data[];
};

void *ht_pool_alloc(struct ht_pool *pool, size_t n)
{
    if (n > SIZE_MAX / 2)
        return NULL;
    n = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (n > pool->left || !pool->blocks) {
        size_t size = n > BLOCK ? n : BLOCK;
        struct ht_pool_block *b = calloc(1, sizeof *b + size);
        if (!b)
            return NULL;
        b->size = size;
        b->next = pool->blocks;
        pool->blocks = b;
        pool->left = size;
    }
    void *p = pool->blocks->data + (pool->blocks->size - pool->left);
    pool->left -= n;
    return p;
}

void *ht_pool_array(struct ht_pool *pool, size_t n, size_t size)
{
    size_t total;
    return __builtin_mul_overflow(n, size, &total) ? NULL : ht_pool_alloc(pool, total);
}

char *ht_pool_str(struct ht_pool *pool, const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = ht_pool_alloc(pool, n);
    return copy ? memcpy(copy, s, n) : NULL;
}

void ht_pool_finish(struct ht_pool *pool)
{
    while (pool->blocks) {
        struct ht_pool_block *b = pool->blocks;
        pool->blocks = b->next;
        free(b);
    }
    pool->left = 0;
}

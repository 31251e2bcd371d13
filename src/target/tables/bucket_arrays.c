/* SPDX-License-Identifier: MIT */
/* Small arrays come from a pool, large ones have pages of their own. */
#include "config.h"

#include "target/tables/bucket_arrays.h"

#include "target/os/sys.h"
#include "target/state/lock.h"
#include "target/state/state.h"

/* Small arrays come from a pool, large ones have pages of their own. */
#define POOL 65536u
static _Atomic uint32_t pool_lock;
static unsigned char *pool;
static size_t pool_left;

uint32_t *ht_bucket_array_new(uint32_t n)
{
    size_t bytes = n * sizeof(uint32_t);
    if (ht_sandboxed && bytes > pool_left)
        return NULL;
    if (bytes >= POOL)
        return ht_sys_anonymous(bytes);
    if (!ht_lock(&pool_lock, HT_RANK_POOL))
        return NULL;
    uint32_t *out = NULL;
    if (pool_left < bytes) {
        unsigned char *fresh = ht_sys_anonymous(POOL);
        if (fresh) {
            pool = fresh;
            pool_left = POOL;
        }
    }
    if (pool_left >= bytes) {
        out = (uint32_t *)pool;
        pool += bytes;
        pool_left -= bytes;
    }
    ht_unlock(&pool_lock, HT_RANK_POOL);
    return out;
}

void ht_bucket_array_release(uint32_t *heads, uint32_t n)
{
    if (n * sizeof(uint32_t) >= POOL)
        SYS2(SYS_munmap, heads, n * sizeof(uint32_t));
}

void ht_bucket_arrays_forked(void)
{
    atomic_store(&pool_lock, 0);
}

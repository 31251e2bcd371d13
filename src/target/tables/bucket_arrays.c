/* SPDX-License-Identifier: MIT */
/* Small arrays are cut from a pool of 64 KiB and never reused; larger ones are mapped alone, and
 * unmapped when they are released. */
#include "config.h"

#include "target/tables/bucket_arrays.h"

#include "target/os/sys.h"
#include "target/state/lock.h"
#include "target/state/state.h"

#define POOL 65536u
static _Atomic uint32_t pool_lock; /* HT_RANK_POOL */
static unsigned char *pool;        /* the next array; guarded by pool_lock */
static size_t pool_left;           /* bytes from there on; guarded by pool_lock */

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

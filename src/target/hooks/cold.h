/* SPDX-License-Identifier: MIT */
/* The cold paths that the fast paths jump to, and what the other hooks share with them. */
#ifndef HEAPTAP_SRC_TARGET_HOOKS_COLD_H
#define HEAPTAP_SRC_TARGET_HOOKS_COLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/allocator/backend.h"
#include "target/hooks/sampled.h"
#include "target/sampler/rate.h"

/* True when only the arena can serve: this thread is inside the look-up. */
static inline bool resolving_here(void)
{
    if (HT_LIKELY(ht_backend_ready()))
        return false;
    ht_backend_resolve();
    return !ht_backend_ready();
}

/* Entered by a jump from fast.S, with the caller's stack and arguments. The countdown has expired:
 * the call's bytes are subtracted already. */
void *ht_cold_malloc(size_t size);
void *ht_cold_calloc(size_t n, size_t size);
void *ht_cold_realloc_charged(void *p, size_t size);
/* The pointer may be a sampled block's; the call's bytes are not subtracted yet. */
void *ht_cold_realloc(void *p, size_t size);
/* The pointer may be a sampled block's. A free subtracts nothing. */
void ht_cold_free(void *p);

/* free of a block whose address ht_free_mask lets pass. */
void ht_filter_free(void *p);

/*
 * realloc for every flavour: moves or resizes p (not NULL, not the arena's) by call(ctx, p),
 * sampled when a sample is due.
 */
struct ht_resize {
    void *(*call)(void *ctx, void *p);
    void *ctx;
    size_t size;
    size_t align;       /* requested beyond malloc's; 0: none */
    bool in_place_only; /* only `call` may move it: it does more than realloc */
    bool frees;         /* p is freed where `call` fails */
    bool zero;          /* what the block grows by must be zero */
};
void *ht_resize(void *p, const struct ht_resize *r, bool sample_due, uint64_t pc, uint64_t sp,
                uint64_t bp);

#endif

/* SPDX-License-Identifier: MIT */
/* The cold paths of malloc, calloc, realloc and free. Compiled with frame pointers (HT_CALLER). */
#include "config.h"

#include "target/hooks/cold.h"

#include <errno.h>
#include <string.h>

#include "target/allocator/backend.h"
#include "target/allocator/place.h"
#include "target/state/state.h"

void *ht_cold_malloc(size_t size)
{
    struct ht_new_sample sample;
    if (HT_UNLIKELY(resolving_here()))
        return ht_arena_alloc(size, 16);
    if (!ht_new_sample_begin(&sample, size, HT_CALLER()))
        return ht_next_malloc(size);
    void *p = sample.place ? ht_new_sample_place(&sample, 0) : NULL;
    return ht_new_sample_commit(&sample, p ? p : ht_next_malloc(size));
}

/* Zeroes up to the end that the block would have had unplaced, because an allocator's own calls
 * (rallocx, mi_rezalloc) zero only from there on when they grow it. */
static void clear_block(void *p, size_t bytes)
{
    size_t end = ht_has_classes() ? ht_good_size(bytes) : bytes;
    size_t real = end > HT_PLACED_MIN ? ht_next_malloc_usable_size(p) : end;
    memset(p, 0, real > bytes && real < end ? real : end);
}

void *ht_cold_calloc(size_t n, size_t size)
{
    struct ht_new_sample sample;
    size_t bytes;
    bool wraps = __builtin_mul_overflow(n, size, &bytes);
    if (HT_UNLIKELY(resolving_here()))
        return wraps ? NULL : ht_arena_alloc(bytes, 16);
    if (wraps) {
        ht_tls.bytes_until_sample = 0; /* the next call draws one; its distribution has no memory */
        return ht_next_calloc(n, size);
    }
    if (!ht_new_sample_begin(&sample, bytes, HT_CALLER()))
        return ht_next_calloc(n, size);
    /* Not a large block: calloc does not touch fresh pages (tests/hazards/h33). */
    void *p = ht_new_sample_place(&sample, 0);
    if (p)
        clear_block(p, bytes);
    return ht_new_sample_commit(&sample, p ? p : ht_next_calloc(n, size));
}

static __attribute__((noinline)) void free_looked_up(void *p)
{
    if (ht_free_sampled(p) != HT_FREED_RECYCLED)
        ht_next_free(p);
}

/* free() of a pointer that passed the filter. */
void ht_cold_free(void *p)
{
    if (HT_LIKELY(!ht_arena_owns(p)))
        free_looked_up(p);
}

/*
 * A block is moved to a tagged address only where the allocator would move it too, because a
 * program may ignore the result of a realloc that shrinks or fits the usable size. A larger block
 * stays with realloc, which may grow it in place: once moved, it would be moved at every step (seen
 * in bench's `realloc growth`).
 */
static void *resize_placed(void *p, const struct ht_resize *r, struct ht_new_sample *sample)
{
    bool place = sample->place && !r->in_place_only && r->size <= HT_PLACED_MIN;
    size_t old = place ? ht_next_malloc_usable_size(p) : 0;
    void *q = old && !ht_stays_in_place(old, r->size) ? ht_new_sample_place(sample, 0) : NULL;
    if (!q)
        return r->call(r->ctx, p);
    memcpy(q, p, old < r->size ? old : r->size);
    ht_next_free(p);
    return q;
}

/* A placed block whose record was taken out. It lies in a larger class than it would without
 * heaptap. */
struct placed {
    size_t usual; /* usable bytes that it would have, not placed */
    size_t real;  /* usable bytes that it has; 0: not such a block */
};

static struct placed placed_block(void *p, const struct ht_record *record)
{
    struct placed b = {0, 0};
    if (!record->found || !atomic_load_explicit(&ht_aligned_once, memory_order_relaxed) ||
        !ht_is_tagged(p) || record->size > HT_PLACED_ASKED || !ht_has_classes())
        return b;
    b.usual = ht_good_size(record->size);
    b.real = ht_next_malloc_usable_size(p);
    if (!b.real) /* the allocator does not say */
        b.real = b.usual + 1;
    else if (b.real <= b.usual)
        b.real = 0;
    return b;
}

/* True when the allocator would leave the block in place without heaptap. It knows only the
 * larger class, and would move it. */
static bool stays(const struct placed *b, const void *p, const struct ht_resize *r)
{
    bool aligned = !r->align || !((uintptr_t)p & (r->align - 1));
    return r->size <= b->real && aligned &&
           (r->size >= b->usual / 2 || ht_good_size(r->size) == b->usual);
}

void *ht_resize(void *p, const struct ht_resize *r, bool sample_due, uint64_t pc, uint64_t sp,
                uint64_t bp)
{
    struct ht_record record;
    struct ht_new_sample sample;
    /* The record is taken out first: once the real call returns, the old address may be another
     * thread's block. */
    bool maybe = ht_free_begin(p, &record);
    bool sampled = sample_due && ht_new_sample_begin(&sample, r->size, pc, sp, bp);
    if (!sampled && !maybe)
        return r->call(r->ctx, p);
    struct placed b = placed_block(p, &record);
    uint32_t hold = b.real && r->size ? ht_hold_reserve() : 0, recyclable = 0;
    void *q;
    if (hold && stays(&b, p, r)) {
        q = p;
        recyclable = record.time & HT_NODE_RECYCLABLE;
    } else if (sampled && r->size) {
        q = resize_placed(p, r, &sample);
    } else {
        q = r->call(r->ctx, p);
    }
    if (q && r->zero && b.real &&
        r->size > b.usual) { /* the allocator zeroed only from the end of the larger class on */
        size_t end = ht_good_size(r->size);
        memset((char *)q + b.usual, 0, (end < b.real ? end : b.real) - b.usual);
    }
    if (!q && r->size && !r->frees && record.found)
        ht_free_undo(p, &record);
    else if (record.found)
        ht_free_account(&record);
    if (!sampled) {
        ht_hold_end(hold, q == p ? p : NULL, record.size > r->size ? record.size : r->size,
                    recyclable);
        return q;
    }
    if (hold && q == p) {
        ht_new_sample_stays(&sample, hold, recyclable);
        hold = 0;
    }
    ht_hold_end(hold, NULL, 0, 0);
    return ht_new_sample_commit(&sample, q);
}

static void *plain_realloc(void *ctx, void *p)
{
    return ht_next_realloc(p, *(size_t *)ctx);
}

static void *from_arena(void *p, size_t size, uint64_t pc, uint64_t sp, uint64_t bp)
{
    struct ht_new_sample sample;
    void *q;
    if (ht_new_sample_begin(&sample, size, pc, sp, bp))
        q = ht_new_sample_commit(&sample, ht_next_malloc(size));
    else
        q = ht_next_malloc(size);
    size_t old = ht_arena_size(p);
    if (q)
        memcpy(q, p, old < size ? old : size);
    return q;
}

static inline __attribute__((always_inline)) void *reallocate(void *p, size_t size, bool sample_due,
                                                              uint64_t pc, uint64_t sp, uint64_t bp)
{
    if (HT_UNLIKELY(resolving_here())) {
        void *q = ht_arena_alloc(size, 16);
        if (q && p)
            memcpy(q, p, ht_arena_size(p) < size ? ht_arena_size(p) : size);
        return q;
    }
    if (!p) {
        struct ht_new_sample sample;
        if (!sample_due || !ht_new_sample_begin(&sample, size, pc, sp, bp))
            return ht_next_realloc(NULL, size);
        void *q = ht_new_sample_place(&sample, 0);
        return ht_new_sample_commit(&sample, q ? q : ht_next_realloc(NULL, size));
    }
    if (HT_UNLIKELY(ht_arena_owns(p)))
        return size ? from_arena(p, size, pc, sp, bp) : NULL;
    struct ht_resize r = {.call = plain_realloc, .ctx = &size, .size = size};
    return ht_resize(p, &r, sample_due, pc, sp, bp);
}

static __attribute__((noinline)) void *realloc_looked_up(void *p, size_t size, bool sample_due)
{
    return reallocate(p, size, sample_due, HT_CALLER());
}

/* Most pointers that come here are no sampled block's: the mask of free lets all pass while a block
 * that is not placed is live. They go on to the allocator without a frame of the library. */
void *ht_cold_realloc(void *p, size_t size)
{
    bool due = ht_countdown(size);
    if (HT_LIKELY(!due && p && ht_backend_ready() && !ht_arena_owns(p) && !ht_live_maybe(p)))
        return ht_next_realloc(p, size);
    return realloc_looked_up(p, size, due);
}

void *ht_cold_realloc_charged(void *p, size_t size)
{
    return reallocate(p, size, true, HT_CALLER());
}

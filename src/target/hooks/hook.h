/* SPDX-License-Identifier: MIT */
/*
 * The macros that hooks are made of. A call that is not sampled ends in a tail jump. Files that
 * include this are compiled with frame pointers (HT_CALLER).
 */
#ifndef HEAPTAP_SRC_TARGET_HOOKS_HOOK_H
#define HEAPTAP_SRC_TARGET_HOOKS_HOOK_H

#include <errno.h>
#include <stdint.h>

#include "target/allocator/backend.h"
#include "target/allocator/place.h"
#include "target/hooks/cold.h"
#include "target/hooks/export.h"
#include "target/os/machine.h"

/* Declares every hook: no header of the library does, and some are in no header at all. */
#define X(symbol, type, parameters) EXPORT type symbol parameters;
HT_HOOKED(X)
#undef X

/* In the file that defines them: names that are visible only where the allocator has them
 * (own_api.h). */
#define SHOWN_IF_PRESENT(symbol, type, parameters)                                                 \
    __asm__(".symver " #symbol ", " #symbol "@HEAPTAP_IF_PRESENT");

/*
 * An allocating hook: `call` is the next definition with the hook's arguments. The cold part is a
 * separate function, entered by a tail jump, so that HT_CALLER finds the program's frame and the
 * common path leaves no frame of the library on the stack.
 */
#define ALLOCATE(symbol, parameters, arguments, bytes, align, call)                                \
    static __attribute__((noinline)) void *cold_##symbol parameters                                \
    {                                                                                              \
        struct ht_new_sample sample;                                                               \
        if (HT_UNLIKELY(resolving_here()))                                                         \
            return ht_arena_alloc(bytes, align);                                                   \
        if (!ht_new_sample_begin(&sample, bytes, HT_CALLER()))                                     \
            return call;                                                                           \
        void *placed = ht_new_sample_place(&sample, align);                                        \
        return ht_new_sample_commit(&sample, placed ? placed : call);                              \
    }                                                                                              \
    EXPORT void *symbol parameters                                                                 \
    {                                                                                              \
        if (HT_UNLIKELY(ht_countdown(bytes)))                                                      \
            return cold_##symbol arguments;                                                        \
        return call;                                                                               \
    }

/*
 * Does an aligned operator's work where the hook has counted it: jemalloc's operator calls
 * aligned_alloc by name, which is the library's hook and would count the block again (seen: each
 * counted twice at 8k). NULL: the operator itself must do it, because the alignment is invalid or
 * there is no memory.
 */
static inline void *aligned_first(size_t align, size_t n)
{
    return align && !(align & (align - 1)) ? ht_next_aligned(align, n) : NULL;
}

/* What an operator does with a block whose sample is due. NULL: the operator itself must do it.
 * pc, sp and bp: HT_CALLER() of the hook. */
static inline __attribute__((always_inline)) void *
new_sampled(size_t bytes, size_t align, uint64_t pc, uint64_t sp, uint64_t bp)
{
    struct ht_new_sample sample;
    if (!ht_new_sample_begin(&sample, bytes, pc, sp, bp))
        return aligned_first(align, bytes);
    void *got = ht_new_sample_place(&sample, align);
    if (!got)
        got = align ? aligned_first(align, bytes) : ht_next_malloc(bytes);
    if (got)
        return ht_new_sample_commit(&sample, got);
    ht_new_sample_abort(&sample);
    return NULL;
}

/*
 * operator new may throw, so it is called without the guard, and only after malloc itself has
 * failed. An operator that is not direct calls malloc, which counts it. `bytes`, `align` and
 * `direct` are expressions of the parameters, without side effects: each is evaluated up to twice.
 */
#define ALLOCATE_NEW(symbol, parameters, arguments, bytes, align, direct)                          \
    static __attribute__((noinline)) void *cold_##symbol parameters                                \
    {                                                                                              \
        if (HT_UNLIKELY(resolving_here()))                                                         \
            return ht_arena_alloc(bytes, align);                                                   \
        void *got = (direct) ? new_sampled(bytes, align, HT_CALLER()) : NULL;                      \
        return got ? got : ht_next_##symbol arguments;                                             \
    }                                                                                              \
    EXPORT void *symbol parameters                                                                 \
    {                                                                                              \
        void *got;                                                                                 \
        if (HT_UNLIKELY(!ht_next_##symbol) || ((direct) && HT_UNLIKELY(ht_countdown(bytes))))      \
            return cold_##symbol arguments;                                                        \
        if ((direct) && (got = aligned_first(align, bytes)))                                       \
            return got;                                                                            \
        return ht_next_##symbol arguments;                                                         \
    }

/* A freeing hook: `unsized` when p was placed (its class is not what its size implies). */
#define RELEASE(p, call, unsized)                                                                  \
    do {                                                                                           \
        if (HT_LIKELY((uintptr_t)(p)&ht_free_mask) || !(p)) {                                      \
            call;                                                                                  \
            return;                                                                                \
        }                                                                                          \
        if (HT_UNLIKELY(ht_arena_owns(p)))                                                         \
            return;                                                                                \
        if (HT_UNLIKELY(ht_live_maybe(p))) {                                                       \
            enum ht_freed freed = ht_free_sampled(p);                                              \
            if (freed == HT_FREED_UNSIZED)                                                         \
                unsized;                                                                           \
            if (freed != HT_FREED_NOT_OURS)                                                        \
                return;                                                                            \
        }                                                                                          \
        call;                                                                                      \
    } while (0)

#define PAGE             ((size_t)HT_PAGE_SIZE)
#define ROUND_TO_PAGE(n) ((n) > SIZE_MAX - PAGE ? (n) : ((n) + PAGE - 1) & ~(PAGE - 1))

static inline __attribute__((always_inline)) int align_into(int (*real)(void **, size_t, size_t),
                                                            void **out, size_t align, size_t size,
                                                            uint64_t pc, uint64_t sp, uint64_t bp)
{
    struct ht_new_sample sample;
    if (HT_UNLIKELY(resolving_here())) {
        *out = ht_arena_alloc(size, align);
        return *out ? 0 : ENOMEM;
    }
    bool valid = align >= sizeof(void *) && !(align & (align - 1));
    if (!valid || HT_LIKELY(!ht_countdown(size)) || !ht_new_sample_begin(&sample, size, pc, sp, bp))
        return real(out, align, size);
    void *p = ht_new_sample_place(&sample, align);
    int error = 0;
    if (p)
        *out = p;
    else
        error = real(out, align, size);
    ht_new_sample_commit(&sample, error ? NULL : *out);
    return error;
}

#endif

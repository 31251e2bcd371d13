/* SPDX-License-Identifier: MIT */
/*
 * Caches of higher rooms. The structs are here because they lie in struct ht_state, in the memory
 * that a fork's child finds zeroed; each is used by one file.
 */
#ifndef HEAPTAP_SRC_TARGET_STATE_CACHES_H
#define HEAPTAP_SRC_TARGET_STATE_CACHES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "region/layout.h"

/* Up to this rate samples are so frequent that large caches of stacks are worth their memory. */
#define HT_SMALL_RATE 4096u

/*
 * A whole stack that came twice in a row (stack_cache.h). Seqlock: `stamp` is odd while a thread
 * writes; a reader checks it before and after. The rest is relaxed. Used at small rates and in
 * exact mode.
 */
#define HT_STACK_CACHE_WORDS    96 /* 40 frames with frame pointers, 90 without */
#define HT_STACK_CACHE_TOO_LONG 255
#ifndef HT_STACK_CACHE_BITS /* fewer in the tests, so that frames are met below */
#define HT_STACK_CACHE_BITS 9
#endif
struct ht_stack_cache_entry {
    _Alignas(64) _Atomic uint64_t stamp; /* generation << 32 | sequence; the generation is
                                            ht_unload_generation before the walk */
    uint64_t pc, sp, bp;
    uint64_t hash; /* the stack's */
    ht_ref stack;
    uint8_t n_words; /* 0: seen once, its words are not kept; HT_STACK_CACHE_TOO_LONG: too many */
    bool bp_used;
    uint16_t offsets[HT_STACK_CACHE_WORDS]; /* offsets of the words from sp, divided by 8 */
    uint64_t words[HT_STACK_CACHE_WORDS];
};

/* A thread's last walk (walk_cache.h). Written and read by one thread at a time: by its own, or by
 * the one that set `busy` (exchange, acquire; given back with release). */
#ifndef HT_WALK_CACHE_FRAMES
#define HT_WALK_CACHE_FRAMES 161 /* the usual depth, 32 for the next walk's own, and one */
#endif
#define HT_WALK_CACHE_SPAN (65536 - 3)
/* at large rates; their pages are made present at the first sample */
#define HT_WALK_CACHES_FEW    4
#define HT_WALK_CACHES_OWN    48 /* at small rates: one for each of the first threads */
#define HT_WALK_CACHES_SHARED 16
struct ht_walk_cache_frame {
    uint64_t pc, sp,
        bp;          /* the walk's state: the pc, and sp and rbp when the frame's call returns */
    uint64_t sum;    /* ht_stack_sum from here to the end; 0: words do not tell all of it */
    ht_ref frame;    /* 0: hidden */
    uint16_t via;    /* HT_VIA_* */
    uint8_t noted;   /* HT_BP_* */
    bool bp_matters; /* the rest of the walk depends on rbp */
};
_Static_assert(sizeof(struct ht_walk_cache_frame) == 40, "five words");

struct ht_walk_cache {
    _Alignas(64) _Atomic uint32_t busy;
    uint32_t generation; /* ht_unload_generation before the walk */
    uint32_t n;          /* of frames, from 1 on */
    uint64_t hi;         /* end of the stack's memory */
    bool hidden;         /* some of the frames do not show */
    struct ht_walk_cache_frame
        frames[HT_WALK_CACHE_FRAMES]; /* the leaf last; the first is above all */
};

/* Computed weights (weight_cache.h). Seqlock: `sequence` is odd while a thread writes; the rest
 * is relaxed. */
#define HT_WEIGHT_CACHE_BITS 8
struct ht_weight_cache_entry {
    _Alignas(64) _Atomic uint32_t sequence;
    uint64_t size, rate; /* rate 0: none yet */
    uint64_t weight[4];  /* as in a site */
};

#endif

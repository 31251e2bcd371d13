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
    /* The walk's state: pc, and sp and rbp once the frame's call has returned. */
    uint64_t pc, sp, bp;
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

/*
 * Of folding (tables/fold.h). A stripe's `entered` are raised with each sample that begins, its
 * `left` with each that has ended, by the parity that held when it began; `own_left` in place of
 * `left` by the thread that owns the cell of totals of that number, and by no other. `busy` guards
 * what has no other order.
 */
#define HT_FOLD_STRIPES HT_TOTAL_CELLS
#define HT_FOLD_TICK    16u /* samples of a stripe from one step to the next */
#define HT_FOLD_LISTS   (HT_MAX_DEPTH / 4 + 1)
struct ht_fold_stripe {
    struct ht_fold_count {
        _Atomic uint32_t entered, left, own_left;
    } by_parity[2];
    uint32_t reserved[10];
};
_Static_assert(sizeof(struct ht_fold_stripe) == 64, "a line");
struct ht_fold_sums {
    uint64_t objects, object_fraction, bytes, byte_fraction, samples;
};
enum ht_fold_stage {
    HT_FOLD_WAIT_OTHER,
    HT_FOLD_WAIT_OLD,
    HT_FOLD_WALK_SITES,
    HT_FOLD_WALK_STACKS
};
struct ht_fold {
    _Alignas(64) _Atomic uint32_t parity, clock; /* clock: samples, in steps; relaxed */
    _Alignas(64) _Atomic uint32_t busy;          /* try-lock */
    _Atomic uint32_t child;                      /* of a fork inside a hook; relaxed */
    uint32_t stage;                              /* enum ht_fold_stage */
    uint32_t chunk, index;                       /* of a pass: which records come next */
    ht_ref site;                                 /* of a stack's list: behind which */
    uint32_t began;                              /* the last pass, by the clock */
    uint32_t unused;                             /* samples after which a site is idle */
    uint32_t stamped, stamped_before;            /* sites in `next`; in the pass before */
    struct ht_fold_sums next[HT_FOLDED_CLASSES]; /* what the pass adds */
    _Alignas(64) _Atomic uint32_t sites, stacks; /* records that are not free; relaxed */
    _Atomic uint64_t free_sites;                 /* free_list.h */
    _Atomic uint64_t free_stacks[HT_FOLD_LISTS]; /* by a fourth of the frames they have room for */
    _Alignas(64) struct ht_fold_stripe stripes[HT_FOLD_STRIPES];
};

#endif

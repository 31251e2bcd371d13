/* SPDX-License-Identifier: MIT */
/*
 * The widest part of a profile's tree of frames: as much of millions of samples as a graph of a few
 * thousand pixels can show. The rest is summed up in place, so that all sums stay the same.
 */
#ifndef HEAPTAP_SRC_SERVE_FOLD_H
#define HEAPTAP_SRC_SERVE_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "serve/keymap.h"

struct ht_profile;
struct ht_fold_frames;

#define HT_FOLD_NARROW UINT32_MAX /* a node's frame: what was folded below its parent */

/* The sum of the stacks that end at a node: for one size of objects, or at a narrow node for a
 * class of sizes. */
struct ht_fold_sum {
    uint32_t node;
    int64_t size; /* -1: not known; of a class: the mean */
    double objects, bytes;
};

/* Node 0 is the root; parents come before their children. */
struct ht_fold_tree {
    uint32_t n, cap;
    uint32_t *parent, *frame; /* frame: for ht_fold_frame, or HT_FOLD_NARROW */
    struct ht_keymap by_size; /* node, size or class, 1: class */
    struct ht_fold_sum *sums; /* by_size.n of them */
    uint32_t cap_sums;
    int64_t *values; /* `columns` a sum: the sample types of one, then of the other */
    size_t columns;
    bool folded; /* false: it has all frames */
};

/*
 * fold_frames.c has ht_fold_frames_create, _destroy and ht_fold_frame.
 *
 * budget: frames and sums that are kept in any case; more are while a frame is at least `pixel` of
 * the total of any sample type. before may be NULL; a frame is kept in both or in none. Changes the
 * profiles' marks. NULL when out of memory.
 */
struct ht_fold_frames *ht_fold_frames_create(struct ht_profile *p, struct ht_profile *before);
void ht_fold_frames_destroy(struct ht_fold_frames *f);

/* 0 or -ENOMEM. inverted: leaf first. */
int ht_fold(struct ht_fold_frames *f, bool inverted, uint32_t budget, double pixel,
            struct ht_fold_tree *tree);
void ht_fold_finish(struct ht_fold_tree *tree);

/* The location, and the number of its line (0 where it has none), that a frame stands for. */
struct ht_location;
const struct ht_location *ht_fold_frame(const struct ht_fold_frames *f, uint32_t frame,
                                        size_t *line);

#endif

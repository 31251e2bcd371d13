/* SPDX-License-Identifier: MIT */
/* Frames of two profiles, numbered for fold.c. Private to src/serve. */
#ifndef HEAPTAP_SRC_SERVE_FOLD_FRAMES_H
#define HEAPTAP_SRC_SERVE_FOLD_FRAMES_H

#include "profile/profile.h"
#include "serve/fold.h"
#include "serve/keymap.h"

/* A location's mark is the number of its list of frames plus 1: equal lists have one number. */
struct ht_fold_frames {
    struct ht_profile *p, *before;
    struct ht_profile *strings;     /* where both have their strings when there are two */
    struct ht_keymap names, frames; /* the keys by which they are distinguished */
    struct ht_keymap lists;         /* of a list: the list without its innermost frame, and that */
    struct ht_fold_place {
        const struct ht_location *location;
        size_t line;
    } * places; /* of each frame: one that has it */
    uint32_t cap_places;
};

#endif

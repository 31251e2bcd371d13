/* SPDX-License-Identifier: MIT */
/* A profile as numbers, for the page's data: of strings, frames, nodes and sums. Private to
 * src/serve. */
#ifndef HEAPTAP_SRC_SERVE_WEB_BUILDER_H
#define HEAPTAP_SRC_SERVE_WEB_BUILDER_H

#include <stdbool.h>
#include <stdint.h>

#include "profile/profile.h"
#include "serve/keymap.h"
#include "serve/web_owners.h"

struct ht_web_frame_of {
    uint32_t fn, file, mod; /* numbers of strings */
    int64_t line, start;
    uint64_t address; /* 0 when the frame has a name */
    enum ht_web_kind kind;
    int64_t code; /* number of the instruction, -1: none */
};

struct ht_web_node {
    uint32_t parent, frame;
};

struct ht_web_builder {
    struct ht_profile *p;
    struct ht_keymap strings; /* pointer: the profile has interned them */
    struct ht_keymap frames_by_key;
    struct ht_web_node *nodes; /* the root first */
    uint32_t n_nodes, nodes_cap;
    struct ht_keymap sums; /* node, size of the objects, number of what follows */
    struct ht_keymap
        rest; /* age of the objects; their labels' text, HT_WEB_NO_LABELS or a string */
    const char *size_key, *age_key; /* labels of those */
    bool aged, labelled;            /* some sample has an age; some has labels of text */
    const char *code;               /* the function whose instructions are told apart; NULL: none */
    struct ht_web_owners *owners;   /* NULL: none are written */
    uint32_t *owner;                /* of each sum: the node of its owner */
    uint32_t owner_cap;
    struct ht_web_frame_of *frames;
    uint32_t frames_cap;
    int64_t *values; /* n_sample_types a sum */
    uint32_t values_cap;
};

/* The size of a sample without the label "bytes". */
#define HT_WEB_NO_SIZE (-1)
/* The age of a sample without the label "age". */
#define HT_WEB_NO_AGE    (-1)
#define HT_WEB_NO_LABELS UINT32_MAX

/* The number of a string that the profile has interned, and of a location's k-th line as a frame
 * (an address when nothing names it). UINT32_MAX: out of memory. */
uint32_t ht_web_string(struct ht_web_builder *b, const char *s);
uint32_t ht_web_frame(struct ht_web_builder *b, const struct ht_location *loc, size_t k);

/* Room for `need` elements, zeroed where it is new. False: out of memory. */
bool ht_web_reserve(void **data, uint32_t *cap, uint32_t need, size_t size);

/* Adds a sample's values to the sums of a node. 0 or -ENOMEM. */
int ht_web_add_values(struct ht_web_builder *b, uint32_t node, uint32_t owner,
                      const struct ht_sample *s);

/* web_stacks.c: adds the root, and the stacks and values of all samples of b->p: stacks that begin
 * alike follow each other. Renumbers its locations. 0 or -ENOMEM. */
int ht_web_add_samples(struct ht_web_builder *b);

/* Frees what was made; the builder itself is the caller's. */
void ht_web_builder_finish(struct ht_web_builder *b);

#endif

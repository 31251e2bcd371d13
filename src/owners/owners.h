/* SPDX-License-Identifier: MIT */
/*
 * The owner of each stack's memory: the first function, from malloc up, that does not merely
 * allocate for its callers.
 */
#ifndef HEAPTAP_SRC_OWNERS_OWNERS_H
#define HEAPTAP_SRC_OWNERS_OWNERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "evidence/interval.h"
#include "owners/stacks.h"
#include "owners/wrappers.h"
#include "profile/profile.h"

#define HT_OWNER_PATH 3 /* callers that are shown, at most */

struct ht_owner {
    const char *name;   /* see ht_owner_function */
    const char *object; /* path of its binary */
    int64_t value;      /* of the sample type asked for */
    struct ht_evidence evidence;
    const char
        *path[HT_OWNER_PATH]; /* its caller, that one's, ..., each time the heaviest; allocation
                                        wrappers are left out */
    size_t n_path;
    bool elided; /* frames without a name are left out before path[2] */
    /* Of an owner without a name: the nearest function of its binary that has one, along the
     * heaviest callers, and that one's callers; NULL: there is none. */
    const char *within, *above[HT_OWNER_PATH - 1];
    size_t n_above;
    size_t callers; /* different functions that called it */
    uint32_t function;
};

struct ht_owners {
    struct ht_owner *list; /* largest magnitude first, then in the profile's own order */
    size_t n;
    struct ht_owner_stacks stacks;
    uint32_t *of_sample; /* by the sample's index: its owner's place in list; UINT32_MAX: none */
};

struct ht_owners_options {
    size_t value; /* index of the sample type */
    const struct ht_wrappers *list;
    bool no_wrappers;                   /* the first frame owns */
    const struct ht_sampling *sampling; /* for intervals; NULL: none */
    const bool *shown; /* by sample: whose callers are shown, where an owner has such; NULL: all */
};

/* Strings live in the profile; its locations' marks are used. 0 or -ENOMEM; finish in any case. */
int ht_owners_find(struct ht_owners *o, struct ht_profile *p, const struct ht_owners_options *how);
void ht_owners_finish(struct ht_owners *o);

/* Which line of a sample's stack its owner is, counted from malloc up over the lines of all its
 * locations, after ht_owner_stacks_behaviour: the outermost where it calls itself. SIZE_MAX: the
 * sample has no stack. */
size_t ht_owner_line(const struct ht_owner_stacks *s, const struct ht_profile *p, size_t sample);

/* "owner ← caller ← caller", into a new string to free; NULL: out of memory. An owner without a
 * name as in "parse (libx.so+0x3f10) ← main". */
char *ht_owner_text(const struct ht_owner *o);
/* The same without callers. */
char *ht_owner_label(const struct ht_owner *o);

#endif

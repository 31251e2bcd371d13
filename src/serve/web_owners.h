/* SPDX-License-Identifier: MIT */
/* Where the owner stands in each stack, for the page's data. */
#ifndef HEAPTAP_SRC_SERVE_WEB_OWNERS_H
#define HEAPTAP_SRC_SERVE_WEB_OWNERS_H

#include "owners/owners.h"

struct ht_web_owners {
    const struct ht_profile *p;
    struct ht_owner_stacks stacks;
    struct ht_wrappers *list;
    signed char *kind; /* by function: enum ht_web_kind; -1: not asked yet */
};

/* What a frame is to owners' paths. */
enum ht_web_kind {
    HT_WEB_CODE,
    HT_WEB_WRAPPER, /* left out */
    HT_WEB_START,   /* of a program or thread, outside of its own code: the path ends below */
};

/* Uses the marks of p's locations as long as the rest is used. 0 or -errno; finish in any case. */
int ht_web_owners_begin(struct ht_web_owners *o, struct ht_profile *p);
void ht_web_owners_finish(struct ht_web_owners *o);

/* The owner's line in a sample's stack, from its innermost line up; SIZE_MAX: no stack. */
size_t ht_web_owner_line(const struct ht_web_owners *o, const struct ht_sample *s);

enum ht_web_kind ht_web_kind_of(struct ht_web_owners *o, const struct ht_location *l, size_t line);

#endif

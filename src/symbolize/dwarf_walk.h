/* SPDX-License-Identifier: MIT */
/* Which function and which inlined calls each address of one compilation unit lies in. */
#ifndef HEAPTAP_SRC_SYMBOLIZE_DWARF_WALK_H
#define HEAPTAP_SRC_SYMBOLIZE_DWARF_WALK_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbolize/frames.h"
#include "symbolize/pool.h"

/* A call that was inlined, on the way from an address out to its function. */
struct ht_inlined {
    struct ht_inlined *caller; /* NULL: the function itself */
    Dwarf_Die die;
};

/* An address at work. */
struct ht_dwarf_match {
    struct ht_addr *addr;
    Dwarf_Off cu;
    Dwarf_Die function;
    uint64_t size; /* of the range that has the address: the smallest wins */
    struct ht_inlined *inlined;
    bool found;
};

/* A walk over one unit. Set the first five. */
struct ht_walk {
    Dwarf_Die cu;
    struct ht_dwarf_match *hits; /* sorted by address */
    size_t n;
    struct ht_pool *scratch;
    uint64_t
        *visits; /* DIEs walked over so far, of the file: what a hostile one makes endless ends */
    const void *last; /* the DIE at which the walk is */
    bool deep;        /* look for functions inside functions and types too */
    bool no_memory;
};

/* Fills function and inlined of the hits. 0 or -ENOMEM. */
int ht_walk_unit(struct ht_walk *w);

#endif

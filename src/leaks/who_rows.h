/* SPDX-License-Identifier: MIT */
/* Puts blocks that are held in the same way into one row. Private to the room. */
#ifndef HEAPTAP_SRC_LEAKS_WHO_ROWS_H
#define HEAPTAP_SRC_LEAKS_WHO_ROWS_H

#include "leaks/who.h"

/* The rows, with a hash table to find one. */
struct ht_who_rows {
    struct ht_who *w;
    uint32_t *slot; /* of a hash table: the row's index + 1 */
    size_t n_slots;
};

/* How a block is held. */
struct ht_who_way {
    struct ht_who_holder holder[HT_WHO_HOLDERS + 1];
    uint32_t n, own;
    bool cut;
};

/* Adds a block of an owner to the row of its path. 0 or -ENOMEM. */
int ht_who_rows_add(struct ht_who_rows *rows, uint32_t owner, const struct ht_leak_block *b,
                    double rate, uint64_t age_s, const struct ht_who_way *way);

/* Sorts the rows. No more can be added. */
void ht_who_rows_finish(struct ht_who_rows *rows);

#endif

/* SPDX-License-Identifier: MIT */
/* A hash map from three words to the order in which they were first seen: 0, 1, 2, ... */
#ifndef HEAPTAP_SRC_SERVE_KEYMAP_H
#define HEAPTAP_SRC_SERVE_KEYMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ht_key {
    uint64_t a, b, c;
};

struct ht_keymap {
    struct ht_key *keys; /* by number */
    uint32_t n, cap;
    uint32_t *slots; /* number + 1, 0 when empty */
    uint32_t mask;
};

/* All zero is an empty map. The number of the key, which is added when new (then *added is
 * set); UINT32_MAX when out of memory. */
uint32_t ht_keymap_add(struct ht_keymap *m, struct ht_key key, bool *added);

/* The number of a key, UINT32_MAX when it is not there. */
uint32_t ht_keymap_find(const struct ht_keymap *m, struct ht_key key);

void ht_keymap_finish(struct ht_keymap *m);

#endif

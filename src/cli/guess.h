/* SPDX-License-Identifier: MIT */
/* "Did you mean": the known word that is nearest to an unknown one. */
#ifndef HEAPTAP_SRC_CLI_GUESS_H
#define HEAPTAP_SRC_CLI_GUESS_H

#include <stddef.h>

struct ht_guess {
    const char *word; /* what was typed; n bytes of it */
    size_t n;
    const char *best; /* NULL: none is near */
    size_t distance;
};

struct ht_guess ht_guess(const char *word, size_t n);

/* Offers a known word. It is near when at most a third of the letters must be changed, added, left
 * out or swapped with a neighbour, or when what was typed is its beginning. */
void ht_guess_offer(struct ht_guess *g, const char *known);

/* "; did you mean PREFIXknown?" in out, or "". Returns out. */
const char *ht_guess_text(const struct ht_guess *g, const char *prefix, char *out, size_t size);

#endif

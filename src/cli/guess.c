/* SPDX-License-Identifier: MIT */
/* The distance is the number of single edits, two letters that changed places counting as one. */
#include "config.h"

#include "cli/guess.h"

#include <stdio.h>
#include <string.h>

#define MOST 32 /* longer words are not looked at */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
    size_t row[3][MOST + 1] = {0}; /* for i - 2, i - 1 and i letters of a */
    for (size_t k = 0; k <= m; k++)
        row[1][k] = k;
    for (size_t i = 1; i <= n; i++) {
        row[2][0] = i;
        for (size_t k = 1; k <= m; k++) {
            size_t replaced = row[1][k - 1] + (a[i - 1] != b[k - 1]);
            row[2][k] = least(replaced, least(row[1][k], row[2][k - 1]) + 1);
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                row[2][k] = least(row[2][k], row[0][k - 2] + 1);
        }
        memmove(row[0], row[1], 2 * sizeof row[0]);
    }
    return row[1][m];
}

struct ht_guess ht_guess(const char *word, size_t n)
{
    return (struct ht_guess){.word = word, .n = n};
}

void ht_guess_offer(struct ht_guess *g, const char *known)
{
    size_t m = strlen(known);
    if (!g->n || g->n > MOST || m > MOST)
        return;
    size_t d = distance(g->word, g->n, known, m), bound = (g->n > m ? g->n : m) / 3;
    if (g->n >= 3 && g->n < m && !strncmp(g->word, known, g->n))
        d = bound = 1;
    if (d <= bound && (!g->best || d < g->distance)) {
        g->best = known;
        g->distance = d;
    }
}

const char *ht_guess_text(const struct ht_guess *g, const char *prefix, char *out, size_t size)
{
    *out = '\0';
    if (g->best)
        snprintf(out, size, "; did you mean %s%s?", prefix, g->best);
    return out;
}

/* SPDX-License-Identifier: MIT */
/* Each stack gets a number; then its samples are counted, and put where they belong. */
#include "config.h"

#include "report/diff_groups.h"

#include <errno.h>
#include <stdlib.h>

#include "profile/table.h"

struct stacks {
    struct ht_numbers by_hash;
    uint64_t *hashes; /* by number */
    uint32_t *counts;
    size_t cap;
};

/* The number of a stack, from 1 on; 0: out of memory. */
static uint32_t number_of(struct stacks *s, uint64_t hash)
{
    if (!ht_numbers_reserve(&s->by_hash))
        return 0;
    size_t at = (uint32_t)hash;
    for (uint32_t n; (n = ht_numbers_next(&s->by_hash, hash, &at));)
        if (s->hashes[n - 1] == hash)
            return n;
    size_t n = s->by_hash.n;
    if (n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 1024;
        uint64_t *hashes = reallocarray(s->hashes, cap, sizeof(*hashes));
        if (hashes)
            s->hashes = hashes;
        uint32_t *counts = reallocarray(s->counts, cap, sizeof(*counts));
        if (counts)
            s->counts = counts;
        if (!hashes || !counts)
            return 0;
        s->cap = cap;
    }
    s->hashes[n] = hash;
    s->counts[n] = 0;
    ht_numbers_put(&s->by_hash, hash, (uint32_t)n + 1);
    return (uint32_t)n + 1;
}

/* Where the samples of each stack begin. */
static bool place(struct ht_diff_groups *g, const struct stacks *s)
{
    g->n = (uint32_t)s->by_hash.n;
    g->first = calloc((size_t)g->n + 1, sizeof(*g->first));
    for (uint32_t i = 0; g->first && i < g->n; i++) {
        g->first[i + 1] = g->first[i] + s->counts[i];
        if (s->counts[i] > g->largest)
            g->largest = s->counts[i];
    }
    g->order = g->first ? calloc((size_t)g->first[g->n] + 1, sizeof(*g->order)) : NULL;
    return g->order != NULL;
}

int ht_diff_groups_make(struct ht_diff_groups *g, size_t n_samples,
                        bool (*hash)(void *ctx, size_t sample, uint64_t *out), void *ctx)
{
    *g = (struct ht_diff_groups){0};
    struct stacks s = {0};
    uint32_t *numbers = n_samples < UINT32_MAX ? calloc(n_samples + 1, sizeof(*numbers)) : NULL;
    int err = numbers ? 0 : -ENOMEM;
    for (size_t i = 0; !err && i < n_samples; i++) {
        uint64_t h;
        if (!hash(ctx, i, &h))
            continue;
        numbers[i] = number_of(&s, h);
        if (numbers[i])
            s.counts[numbers[i] - 1]++;
        else
            err = -ENOMEM;
    }
    if (!err && !place(g, &s))
        err = -ENOMEM;
    for (uint32_t i = 0; !err && i < g->n; i++)
        s.counts[i] = g->first[i]; /* where the next one goes */
    for (size_t i = 0; !err && i < n_samples; i++)
        if (numbers[i])
            g->order[s.counts[numbers[i] - 1]++] = (uint32_t)i;
    ht_numbers_finish(&s.by_hash);
    free(s.hashes);
    free(s.counts);
    free(numbers);
    return err;
}

void ht_diff_groups_finish(struct ht_diff_groups *g)
{
    free(g->order);
    free(g->first);
    *g = (struct ht_diff_groups){0};
}

/* SPDX-License-Identifier: MIT */
/*
 * Wrappers by what they do, layer by layer from malloc up: those of one layer are found, taken off,
 * and the functions that now come first are looked at.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "owners/stacks.h"

enum {
    LAYERS = 16,
    NEAR = 3,          /* callers that are looked at: so many frames up */
    MANY_CALLERS = 6,  /* different functions among them */
    MANY_SIZES = 4,    /* different sizes of objects */
    LEAST_STACKS = 8,  /* a binary with fewer tells nothing */
    LEAST_SHARE = 4,   /* percent of its binary's stacks, of each wrapper */
    NEARLY_ALL = 85,   /* percent of them, of all together */
    POOL_CALLERS = 20, /* direct callers; with so many, sizes do not matter */
    POOL_SHARE = 10,   /* percent of its binary's stacks, for a pool */
    CLOSE = 2048,      /* bytes between two wrappers that have another between them */
    NOTHING_ELSE = 95, /* percent of the stacks a wrapper is in: the allocation is its own */
};

/* The counts of one function in one layer. */
struct tally {
    uint32_t first; /* stacks in which it is the first that is no wrapper */
    uint32_t within;
    uint32_t near, callers, sizes; /* near: functions a few frames up */
    uint32_t stamp;
};

struct layer {
    struct ht_owner_stacks *s;
    struct tally *of; /* by function */
    uint64_t *pairs;
    size_t n_pairs;
};

static int by_pair(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Pairs are (function, something): counts the different ones of each function. */
static void count_pairs(struct layer *l, size_t field)
{
    qsort(l->pairs, l->n_pairs, sizeof *l->pairs, by_pair);
    for (size_t i = 0; i < l->n_pairs; i++)
        if (!i || l->pairs[i] != l->pairs[i - 1])
            ++*(uint32_t *)((char *)&l->of[l->pairs[i] >> 32] + field);
    l->n_pairs = 0;
}

static void tally_stacks(struct layer *l)
{
    struct ht_owner_stacks *s = l->s;
    uint32_t stamp = 0;
    memset(l->of, 0, (s->n_functions + 1) * sizeof *l->of);
    for (size_t i = 0; i < s->n_stacks; i++) {
        const struct ht_owner_stack *k = &s->stacks[i];
        const uint32_t *frame = s->frames + k->first;
        stamp++;
        if (k->at < k->n)
            l->of[frame[k->at]].first++;
        for (size_t j = k->at; j < k->n; j++)
            if (l->of[frame[j]].stamp != stamp) {
                l->of[frame[j]].stamp = stamp;
                l->of[frame[j]].within++;
            }
        for (size_t j = k->at + 1; j < k->n && j <= k->at + NEAR; j++)
            l->pairs[l->n_pairs++] = (uint64_t)frame[k->at] << 32 | frame[j];
    }
    count_pairs(l, offsetof(struct tally, near));
    for (size_t i = 0; i < s->n_stacks; i++) {
        const struct ht_owner_stack *k = &s->stacks[i];
        const uint32_t *frame = s->frames + k->first + k->at;
        if (k->at + 1 < k->n)
            l->pairs[l->n_pairs++] = (uint64_t)frame[0] << 32 | frame[1];
    }
    count_pairs(l, offsetof(struct tally, callers));
}

static void tally_sizes(struct layer *l, const struct ht_profile *p)
{
    for (size_t i = 0; i < p->n_samples; i++) {
        const struct ht_sample *k = &p->samples[i];
        const struct ht_owner_stack *stack =
            l->s->of_sample[i] == SIZE_MAX ? NULL : &l->s->stacks[l->s->of_sample[i]];
        if (!stack || stack->at >= stack->n)
            continue;
        uint32_t f = l->s->frames[stack->first + stack->at];
        for (size_t j = 0; j < k->n_labels; j++)
            if (!k->labels[j].str && !strcmp(k->labels[j].key, "bytes"))
                l->pairs[l->n_pairs++] =
                    (uint64_t)f << 32 | (uint32_t)((uint64_t)k->labels[j].num * 0x9e3779b1u);
    }
    count_pairs(l, offsetof(struct tally, sizes));
}

/* A candidate: it only leads to allocations. */
static bool only_allocates(const struct ht_owner_function *f, const struct tally *t)
{
    return f->rule != HT_NO_WRAPPER && !f->code_of_no_file &&
           100ull * t->first >= (uint64_t)NOTHING_ELSE * t->within;
}

static bool behaves(const struct ht_owner_function *f, const struct tally *t, uint64_t of_binary)
{
    return only_allocates(f, t) && t->near >= MANY_CALLERS && t->sizes >= MANY_SIZES &&
           100ull * t->first >= LEAST_SHARE * of_binary;
}

/* A pool allocates slabs of a few sizes for many callers. For a function without a name fewer
 * callers are enough, because their names say more. */
static bool is_pool(const struct ht_owner_function *f, const struct tally *t, uint64_t of_binary)
{
    if (!f->named && t->callers >= MANY_CALLERS)
        return only_allocates(f, t);
    return only_allocates(f, t) && t->callers >= POOL_CALLERS &&
           100ull * t->first >= POOL_SHARE * of_binary;
}

static int by_object(const void *a, const void *b, void *functions)
{
    const struct ht_owner_function *f = functions;
    const char *x = f[*(const uint32_t *)a].object, *y = f[*(const uint32_t *)b].object;
    if (x != y)
        return x < y ? -1 : 1;
    uint64_t p = f[*(const uint32_t *)a].at, q = f[*(const uint32_t *)b].at;
    return p < q ? -1 : p > q;
}

/* Marks the wrappers of this layer. True when there was one. */
static bool mark(struct layer *l, const uint32_t *order)
{
    struct ht_owner_stacks *s = l->s;
    bool any = false;
    for (uint32_t i = 0, end; i < s->n_functions; i = end) {
        const char *object = s->functions[order[i]].object;
        uint64_t all = 0, theirs = 0;
        for (end = i; end < s->n_functions && s->functions[order[end]].object == object; end++)
            all += l->of[order[end]].first;
        for (uint32_t j = i; j < end; j++)
            if (behaves(&s->functions[order[j]], &l->of[order[j]], all))
                theirs += l->of[order[j]].first;
        bool nearly_all = all >= LEAST_STACKS && theirs * 100 >= NEARLY_ALL * all;
        for (uint32_t j = i; j < end; j++) {
            struct ht_owner_function *f = &s->functions[order[j]];
            const struct tally *t = &l->of[order[j]];
            if (t->first && ((nearly_all && behaves(f, t, all)) || is_pool(f, t, all)))
                any = f->behaves = true;
        }
    }
    return any;
}

static bool is_wrapper(const struct ht_owner_function *f)
{
    return f->rule == HT_WRAPPER || f->behaves;
}

/* Wrappers are next to each other in the source. A function without a name that only allocates
 * and lies closely between two of them is another. order is by object, then by address. */
static bool mark_between(struct layer *l, const uint32_t *order)
{
    struct ht_owner_function *f = l->s->functions;
    bool any = false;
    for (uint32_t i = 0, below = UINT32_MAX; i < l->s->n_functions; i++) {
        const struct ht_owner_function *here = &f[order[i]];
        if (!is_wrapper(here))
            continue;
        if (below != UINT32_MAX && f[order[below]].object == here->object &&
            here->at - f[order[below]].at <= CLOSE)
            for (uint32_t j = below + 1; j < i; j++)
                if (!f[order[j]].named && l->of[order[j]].first &&
                    only_allocates(&f[order[j]], &l->of[order[j]]))
                    any = f[order[j]].behaves = true;
        below = i;
    }
    return any;
}

int ht_owner_stacks_behaviour(struct ht_owner_stacks *s, const struct ht_profile *p,
                              const struct ht_wrappers *list)
{
    size_t labels = 0;
    for (size_t i = 0; i < p->n_samples; i++)
        labels += p->samples[i].n_labels;
    size_t room = NEAR * s->n_stacks > labels ? NEAR * s->n_stacks : labels;
    struct layer l = {.s = s,
                      .of = calloc(s->n_functions + 1, sizeof *l.of),
                      .pairs = calloc(room + 1, sizeof *l.pairs)};
    uint32_t *order = calloc(s->n_functions + 1, sizeof *order);
    int err = l.of && l.pairs && order ? 0 : -ENOMEM;
    if (!err)
        err = ht_owner_stacks_parts(s, list);
    for (uint32_t i = 0; !err && i < s->n_functions; i++)
        order[i] = i;
    if (!err && s->n_functions)
        qsort_r(order, s->n_functions, sizeof *order, by_object, s->functions);
    for (int i = 0; !err && i < LAYERS; i++) {
        ht_owner_stacks_advance(s, list);
        tally_stacks(&l);
        tally_sizes(&l, p);
        bool marked = mark(&l, order);
        if (!mark_between(&l, order) && !marked)
            break;
    }
    ht_owner_stacks_advance(s, list);
    free(l.of);
    free(l.pairs);
    free(order);
    return err;
}

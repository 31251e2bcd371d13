/* SPDX-License-Identifier: MIT */
/*
 * The samples of a node are a range of one array, sorted by stack as deep as nodes were opened. The
 * widest node that is not open yet is opened next: its range is sorted by the next frame, and each
 * part may become a node in its turn. So the work is that of the nodes that are kept.
 */
#include "config.h"

#include "serve/fold.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "evidence/sampling.h"
#include "serve/fold_frames.h"

/* Samples whose stacks are equal up to a depth, below a node of the tree. */
struct range {
    double share; /* share of the total, in the sample type where it is largest */
    uint32_t low, high, depth, parent;
    uint32_t list; /* the list of frames that they share at depth - 1 */
};

struct folder {
    struct ht_fold_frames *f;
    struct ht_fold_tree *tree;
    bool inverted;
    uint32_t n;              /* samples of both profiles */
    uint32_t *order;         /* their numbers: first p's, then before's */
    uint32_t lists;          /* what next_list returns is below */
    uint64_t *keys;          /* scratch of a small range: next list of frames, number */
    uint32_t *counts;        /* scratch of a large one: for each list, where its next one goes */
    uint32_t *moved;         /* and the numbers in their new order */
    double *total;           /* of each column, of absolute values */
    double *sums;            /* scratch: a row of columns */
    const char *size_key[2]; /* of each profile: the label that has an object's size */
    struct range *heap;      /* the widest first */
    size_t n_heap, cap_heap;
};

static const struct ht_sample *sample_of(const struct folder *s, uint32_t number)
{
    size_t n = s->f->p->n_samples;
    return number < n ? &s->f->p->samples[number] : &s->f->before->samples[number - n];
}

/* The columns of a sample's values. */
static size_t columns_of(const struct folder *s, uint32_t number, size_t *n)
{
    bool now = number < s->f->p->n_samples;
    *n = now ? s->f->p->n_sample_types : s->f->before->n_sample_types;
    return now ? 0 : s->f->p->n_sample_types;
}

/* The number of a list of frames, plus 1; 0 after the end of the stack. */
static uint32_t next_list(const struct folder *s, uint32_t number, uint32_t depth)
{
    const struct ht_sample *x = sample_of(s, number);
    if (depth >= x->n_locations)
        return 0;
    return (uint32_t)x->locations[s->inverted ? depth : x->n_locations - 1 - depth]->mark;
}

static void add_absolute(const struct folder *s, uint32_t number, double *sums)
{
    size_t n, first = columns_of(s, number, &n);
    const int64_t *v = sample_of(s, number)->values;
    for (size_t i = 0; i < n; i++)
        sums[first + i] += v[i] < 0 ? -(double)v[i] : (double)v[i];
}

static double share_of(const struct folder *s, uint32_t low, uint32_t high)
{
    double most = 0;
    memset(s->sums, 0, s->tree->columns * sizeof(*s->sums));
    for (uint32_t i = low; i < high; i++)
        add_absolute(s, s->order[i], s->sums);
    for (size_t c = 0; c < s->tree->columns; c++)
        if (s->total[c] > 0 && s->sums[c] / s->total[c] > most)
            most = s->sums[c] / s->total[c];
    return most;
}

static bool push(struct folder *s, const struct range *r)
{
    if (s->n_heap == s->cap_heap) {
        size_t cap = s->cap_heap ? s->cap_heap * 2 : 1024;
        struct range *more = reallocarray(s->heap, cap, sizeof(*more));
        if (!more)
            return false;
        s->heap = more;
        s->cap_heap = cap;
    }
    size_t at = s->n_heap++;
    for (; at && s->heap[(at - 1) / 2].share < r->share; at = (at - 1) / 2)
        s->heap[at] = s->heap[(at - 1) / 2];
    s->heap[at] = *r;
    return true;
}

static struct range pop(struct folder *s)
{
    struct range top = s->heap[0], last = s->heap[--s->n_heap];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < s->n_heap; at = child) {
        if (child + 1 < s->n_heap && s->heap[child + 1].share > s->heap[child].share)
            child++;
        if (s->heap[child].share <= last.share)
            break;
        s->heap[at] = s->heap[child];
    }
    s->heap[at] = last;
    return top;
}

static int by_key(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* UINT32_MAX: out of memory. */
static uint32_t add_node(struct ht_fold_tree *t, uint32_t parent, uint32_t frame)
{
    if (t->n == t->cap) {
        uint32_t cap = t->cap ? t->cap * 2 : 1024;
        uint32_t *parents = reallocarray(t->parent, cap, sizeof(*parents));
        if (parents)
            t->parent = parents;
        uint32_t *frames = reallocarray(t->frame, cap, sizeof(*frames));
        if (frames)
            t->frame = frames;
        if (!parents || !frames)
            return UINT32_MAX;
        t->cap = cap;
    }
    t->parent[t->n] = parent;
    t->frame[t->n] = frame;
    return t->n++;
}

/* Finds the sum of a node and a size, or with `narrow` of the size's class: classes grow by a
 * factor of 16, within which an interval is much the same. NULL: out of memory. */
static struct ht_fold_sum *sum_for(struct ht_fold_tree *t, uint32_t node, int64_t size, bool narrow)
{
    bool added, class = narrow && size > 0;
    uint64_t key = class ? (63u - (unsigned)__builtin_clzll((uint64_t)size)) / 4 : (uint64_t)size;
    uint32_t n = ht_keymap_add(&t->by_size, (struct ht_key){node, key, class}, &added);
    if (n == UINT32_MAX)
        return NULL;
    if (n >= t->cap_sums) {
        uint32_t cap = t->cap_sums ? t->cap_sums * 2 : 1024;
        struct ht_fold_sum *sums = reallocarray(t->sums, cap, sizeof(*sums));
        if (sums)
            t->sums = sums;
        int64_t *values = reallocarray(t->values, (size_t)cap * (t->columns + 1), sizeof(*values));
        if (values)
            t->values = values;
        if (!sums || !values)
            return NULL;
        t->cap_sums = cap;
    }
    if (added) {
        t->sums[n] = (struct ht_fold_sum){.node = node, .size = size};
        memset(t->values + n * t->columns, 0, t->columns * sizeof(*t->values));
    }
    return &t->sums[n];
}

static bool add_self(struct folder *s, uint32_t node, uint32_t number, bool narrow)
{
    size_t n, first = columns_of(s, number, &n);
    const struct ht_sample *x = sample_of(s, number);
    const struct ht_sampling sampling = {.key = s->size_key[number >= s->f->p->n_samples]};
    const struct ht_label *label = ht_sampling_size(&sampling, x);
    struct ht_fold_sum *sum = sum_for(s->tree, node, label ? label->num : -1, narrow);
    if (!sum)
        return false;
    double objects = n && x->values[0] ? fabs((double)x->values[0]) : 1;
    sum->objects += objects;
    sum->bytes += label ? objects * (double)label->num : 0;
    int64_t *self = s->tree->values + (size_t)(sum - s->tree->sums) * s->tree->columns + first;
    for (size_t i = 0; i < n; i++)
        if (__builtin_add_overflow(self[i], x->values[i], &self[i]))
            self[i] = x->values[i] < 0 ? INT64_MIN : INT64_MAX;
    return true;
}

/* The frames of a list, one below the other. UINT32_MAX: out of memory. */
static uint32_t add_list(struct folder *s, uint32_t parent, uint32_t list)
{
    const struct ht_key *keys = s->f->lists.keys;
    if (s->inverted) {
        for (; list != UINT32_MAX && parent != UINT32_MAX; list = (uint32_t)keys[list].a)
            parent = add_node(s->tree, parent, (uint32_t)keys[list].b);
        return parent;
    }
    uint32_t outer = (uint32_t)keys[list].a;
    if (outer != UINT32_MAX)
        parent = add_list(s, parent, outer);
    return parent == UINT32_MAX ? parent : add_node(s->tree, parent, (uint32_t)keys[list].b);
}

/* The same order as sort_small's, in time and memory that fit more samples than there are lists. */
static void sort_large(struct folder *s, const struct range *r)
{
    memset(s->counts, 0, s->lists * sizeof(*s->counts));
    for (uint32_t i = r->low; i < r->high; i++)
        s->counts[next_list(s, s->order[i], r->depth)]++;
    for (uint32_t list = 0, at = r->low; list < s->lists; list++) {
        uint32_t n = s->counts[list];
        s->counts[list] = at;
        at += n;
    }
    for (uint32_t i = r->low; i < r->high; i++)
        s->moved[s->counts[next_list(s, s->order[i], r->depth)]++] = s->order[i];
    memcpy(s->order + r->low, s->moved + r->low, (r->high - r->low) * sizeof(*s->order));
}

static void sort_small(struct folder *s, const struct range *r)
{
    for (uint32_t i = r->low; i < r->high; i++)
        s->keys[i - r->low] = (uint64_t)next_list(s, s->order[i], r->depth) << 32 | s->order[i];
    qsort(s->keys, r->high - r->low, sizeof(*s->keys), by_key);
    for (uint32_t i = r->low; i < r->high; i++)
        s->order[i] = (uint32_t)s->keys[i - r->low];
}

/* Sorts a range by the next frame; stacks that end here are the node's own. */
static bool open_range(struct folder *s, const struct range *r, uint32_t node)
{
    bool same = true;
    uint32_t first = next_list(s, s->order[r->low], r->depth);
    for (uint32_t i = r->low + 1; i < r->high && same; i++)
        same = next_list(s, s->order[i], r->depth) == first;
    if (!same && r->high - r->low < s->lists)
        sort_small(s, r);
    else if (!same)
        sort_large(s, r);
    for (uint32_t low = r->low, high; low < r->high; low = high) {
        uint32_t list = next_list(s, s->order[low], r->depth);
        for (high = low; high < r->high && next_list(s, s->order[high], r->depth) == list; high++)
            if (!list && !add_self(s, node, s->order[high], false))
                return false;
        if (!list)
            continue;
        struct range part = {.low = low,
                             .high = high,
                             .depth = r->depth + 1,
                             .parent = node,
                             .list = list - 1,
                             .share = share_of(s, low, high)};
        if (!push(s, &part))
            return false;
    }
    return true;
}

/* Nodes that were not opened become one node below each parent. */
static bool fold_rest(struct folder *s)
{
    uint32_t *folded = calloc(s->tree->n, sizeof(*folded));
    bool ok = folded != NULL;
    for (size_t i = 0; ok && i < s->n_heap; i++) {
        const struct range *r = &s->heap[i];
        s->tree->folded = true;
        if (!folded[r->parent])
            folded[r->parent] = add_node(s->tree, r->parent, HT_FOLD_NARROW);
        ok = folded[r->parent] != UINT32_MAX;
        for (uint32_t k = r->low; ok && k < r->high; k++)
            ok = add_self(s, folded[r->parent], s->order[k], true);
    }
    for (uint32_t i = 0; i < s->tree->by_size.n; i++) {
        struct ht_fold_sum *sum = &s->tree->sums[i];
        if (s->tree->by_size.keys[i].c) /* a class of sizes */
            sum->size = (int64_t)(sum->bytes / sum->objects + 0.5);
    }
    free(folded);
    return ok;
}

static bool fold(struct folder *s, uint32_t budget, double pixel)
{
    struct range all = {.high = s->n};
    for (uint32_t i = 0; i < s->n; i++) {
        s->order[i] = i;
        add_absolute(s, i, s->total);
    }
    if (add_node(s->tree, UINT32_MAX, 0) || (s->n && !open_range(s, &all, 0)))
        return false;
    while (s->n_heap && (s->tree->n + s->tree->by_size.n < budget || s->heap[0].share >= pixel)) {
        struct range widest = pop(s);
        uint32_t node = add_list(s, widest.parent, widest.list);
        if (node == UINT32_MAX || !open_range(s, &widest, node))
            return false;
    }
    return fold_rest(s);
}

int ht_fold(struct ht_fold_frames *f, bool inverted, uint32_t budget, double pixel,
            struct ht_fold_tree *tree)
{
    size_t n = f->p->n_samples + (f->before ? f->before->n_samples : 0);
    *tree = (struct ht_fold_tree){.columns = f->p->n_sample_types +
                                             (f->before ? f->before->n_sample_types : 0)};
    if (n >= UINT32_MAX)
        return -ENOMEM;
    struct folder s = {.f = f,
                       .tree = tree,
                       .inverted = inverted,
                       .n = (uint32_t)n,
                       .size_key = {ht_profile_str(f->p, "bytes"),
                                    f->before ? ht_profile_str(f->before, "bytes") : NULL}};
    s.lists = f->lists.n + 1;
    s.order = calloc(n + 1, sizeof(*s.order));
    s.keys = calloc(n < s.lists ? n + 1 : s.lists, sizeof(*s.keys));
    s.counts = calloc(s.lists, sizeof(*s.counts));
    s.moved = calloc(n < s.lists ? 1 : n, sizeof(*s.moved));
    s.total = calloc(tree->columns + 1, sizeof(*s.total));
    s.sums = calloc(tree->columns + 1, sizeof(*s.sums));
    bool ok = s.size_key[0] && s.order && s.keys && s.counts && s.moved && s.total && s.sums &&
              fold(&s, budget, pixel);
    free(s.order);
    free(s.keys);
    free(s.counts);
    free(s.moved);
    free(s.total);
    free(s.sums);
    free(s.heap);
    if (ok)
        return 0;
    ht_fold_finish(tree);
    return -ENOMEM;
}

void ht_fold_finish(struct ht_fold_tree *tree)
{
    free(tree->parent);
    free(tree->frame);
    free(tree->values);
    free(tree->sums);
    ht_keymap_finish(&tree->by_size);
    *tree = (struct ht_fold_tree){0};
}

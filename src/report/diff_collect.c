/* SPDX-License-Identifier: MIT */
/* From a profile whose samples say which side they are of to changes by stack and by site. */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/diff.h"
#include "report/diff_groups.h"
#include "report/graph_tags.h"
#include "util/hash.h"

/* The accepted share of false discoveries among significant changes. */
#define LEVEL 0.05

/* A sample of the stack at hand. */
struct entry {
    int64_t size; /* of its objects */
    size_t run;
    const struct ht_sample *sample;
};

struct collector {
    struct ht_diff *d;
    struct ht_diff_groups groups;
    struct entry *entries; /* scratch of a stack, as parts */
    struct ht_part *parts;
    double *runs; /* value of a stack in each profile */
    long born;    /* the sample type that counts all allocations; -1: not of one process */
    bool ages;    /* samples have the label "age" */
};

static size_t run_of(const struct ht_sample *s)
{
    for (size_t i = 0; i < s->n_labels; i++)
        if (s->labels[i].str && !strcmp(s->labels[i].key, HT_COMPARED_RUN))
            return (size_t)strtoul(s->labels[i].str, NULL, 10);
    return 0;
}

static struct ht_graph_node *innermost(const struct ht_report *r, const struct ht_sample *s)
{
    return r->graph.frames[r->graph.first_frame[s->locations[0]->id - 1]];
}

/* Older than the time between the two moments: the object was alive at the first. */
static bool survived(const struct collector *c, const struct ht_sample *s)
{
    for (size_t i = 0; i < s->n_labels; i++)
        if (!s->labels[i].str && !strcmp(s->labels[i].key, "age"))
            return (double)s->labels[i].num >= c->d->c->seconds;
    return false;
}

static bool has_ages(const struct ht_profile *p)
{
    for (size_t i = 0; i < p->n_samples; i++)
        for (size_t k = 0; k < p->samples[i].n_labels; k++)
            if (!p->samples[i].labels[k].str && !strcmp(p->samples[i].labels[k].key, "age"))
                return true;
    return false;
}

static uint64_t stack_hash(const struct ht_report *r, const struct ht_sample *s)
{
    uint64_t h = HT_GOLDEN_RATIO;
    for (size_t i = 0; i < s->n_locations; i++) {
        const struct ht_location *l = s->locations[i];
        struct ht_graph_node **frames = &r->graph.frames[r->graph.first_frame[l->id - 1]];
        for (size_t k = 0; k < (l->n_lines ? l->n_lines : 1); k++)
            h = ht_graph_mix(h * 31 + (uintptr_t)frames[k]);
    }
    return h;
}

/* The samples of a profile stand in one array. */
static int by_size(const void *pa, const void *pb)
{
    const struct entry *a = pa, *b = pb;
    if (a->size != b->size)
        return a->size < b->size ? -1 : 1;
    return (a->sample > b->sample) - (a->sample < b->sample);
}

/* "alloc_space" for "inuse_space". */
static long counter_of(const struct ht_profile *p, const char *type)
{
    char want[64];
    if (strncmp(type, "inuse_", 6) != 0)
        return -1;
    snprintf(want, sizeof(want), "alloc_%s", type + 6);
    for (size_t i = 0; i < p->n_sample_types; i++)
        if (!strcmp(p->sample_types[i].type, want))
            return (long)i;
    return -1;
}

/* Whether a sample says anything, and the hash of its stack. */
static bool stack_of(void *ctx, size_t i, uint64_t *hash)
{
    const struct collector *c = ctx;
    struct ht_report *r = c->d->r;
    const struct ht_sample *s = &r->p->samples[i];
    struct ht_observation o = {0};
    bool any = ht_sampling_observe(&r->intervals.sampling, s, &o);
    if (!s->n_locations || (!any && (c->born < 0 || !s->values[c->born])))
        return false;
    *hash = stack_hash(r, s);
    return true;
}

static int gather(struct collector *c)
{
    struct ht_profile *p = c->d->r->p;
    int err = ht_diff_groups_make(&c->groups, p->n_samples, stack_of, c);
    if (err)
        return err;
    c->entries = calloc((size_t)c->groups.largest + 1, sizeof(*c->entries));
    c->parts = calloc((size_t)c->groups.largest + 1, sizeof(*c->parts));
    c->runs = calloc(c->d->c->n_before + c->d->c->n_after, sizeof(*c->runs));
    return c->entries && c->parts && c->runs ? 0 : -ENOMEM;
}

/* The samples of a stack, by the size of their objects. */
static size_t entries_of(struct collector *c, uint32_t stack)
{
    const struct ht_report *r = c->d->r;
    size_t n = 0;
    for (uint32_t i = c->groups.first[stack]; i < c->groups.first[stack + 1]; i++) {
        const struct ht_sample *s = &r->p->samples[c->groups.order[i]];
        const struct ht_label *size = ht_sampling_size(&r->intervals.sampling, s);
        c->entries[n++] = (struct entry){size ? size->num : 0, run_of(s), s};
    }
    qsort(c->entries, n, sizeof(*c->entries), by_size);
    return n;
}

/* The samples of one size of one stack. */
static struct ht_part part_of(struct collector *c, const struct entry *e, size_t n)
{
    const struct ht_compared *sides = c->d->c;
    struct ht_sampling s = c->d->r->intervals.sampling, counter;
    struct ht_part part = {.size = (double)e->size};
    struct ht_evidence born = {0};
    double survivors = 0;
    counter = s;
    counter.index = c->born >= 0 ? (size_t)c->born : 0;
    for (size_t i = 0; i < n; i++) {
        bool after = e[i].run >= sides->n_before;
        counter.rate = s.rate = after ? sides->after_rate : sides->before_rate;
        struct ht_evidence one = ht_sampling_evidence(&s, e[i].sample);
        if (e[i].run == sides->n_before + sides->n_after) {
            survivors += one.value;
            continue;
        }
        if (c->ages && after && survived(c, e[i].sample))
            survivors += one.value;
        ht_evidence_sum(after ? &part.after : &part.before, &one);
        c->runs[e[i].run] += one.value;
        if (c->born < 0)
            continue;
        one = ht_sampling_evidence(&counter, e[i].sample);
        born.value += after ? one.value : -one.value;
    }
    double rate = fmax(sides->before_rate, sides->after_rate);
    part.p = ht_sampled_probability(part.size, rate, s.plus_one);
    if (sides->survivors || c->ages)
        ht_part_pair_survivors(&part, survivors);
    else if (c->born >= 0)
        ht_part_pair(&part, &born);
    return part;
}

static struct ht_spread spread_of(const double *runs, size_t n, double variance)
{
    struct ht_spread s = {.n = n, .variance = variance};
    for (size_t i = 0; i < n; i++) {
        s.sum += runs[i];
        s.squares += runs[i] * runs[i];
    }
    return s;
}

static void set_interval(const struct ht_diff *d, struct ht_change *c)
{
    bool bytes = d->r->intervals.sampling.bytes;
    struct ht_change rated = *c;
    rated.before_rate =
        bytes && d->c->before_rate > 1 ? d->c->before_rate / (double)d->c->n_before : 0;
    rated.after_rate = bytes && d->c->after_rate > 1 ? d->c->after_rate / (double)d->c->n_after : 0;
    c->interval = ht_change_interval(&rated, d->r->intervals.confidence);
}

static void add_stack(struct collector *c, const struct entry *e, size_t n)
{
    struct ht_diff *d = c->d;
    size_t before = d->c->n_before, after = d->c->n_after, n_parts = 0;
    memset(c->runs, 0, (before + after) * sizeof(*c->runs));
    for (size_t i = 0, k; i < n; i = k) {
        for (k = i + 1; k < n && e[k].size == e[i].size; k++)
            ;
        c->parts[n_parts++] = part_of(c, e + i, k - i);
    }
    struct ht_diff_stack *s = &d->stacks[d->n_stacks++];
    *s = (struct ht_diff_stack){.sample = e->sample, .site = innermost(d->r, e->sample)};
    s->change.before_rate = d->c->before_rate;
    s->change.after_rate = d->c->after_rate;
    ht_change_test(&s->change, c->parts, n_parts);
    if (before > 1 || after > 1) {
        ht_evidence_scale(&s->change.before, 1.0 / (double)before);
        ht_evidence_scale(&s->change.after, 1.0 / (double)after);
        struct ht_spread was = spread_of(c->runs, before, s->change.before.variance);
        struct ht_spread is = spread_of(c->runs + before, after, s->change.after.variance);
        s->change.p = ht_spread_test(&was, &is);
        s->change.least_p = 0;
    }
    for (size_t i = 0; i < before; i++)
        s->before += c->runs[i] / (double)before;
    for (size_t i = before; i < before + after; i++)
        s->after += c->runs[i] / (double)after;
    set_interval(d, &s->change);
}

static int by_site(const void *pa, const void *pb)
{
    const struct ht_diff_stack *a = pa, *b = pb;
    if (a->site != b->site)
        return a->site->index < b->site->index ? -1 : 1;
    return ht_change_compare(&a->change, &b->change);
}

static int by_change(const void *pa, const void *pb)
{
    const struct ht_diff_site *a = pa, *b = pb;
    int c = ht_change_compare(&a->change, &b->change);
    return c ? c : (a->node->index > b->node->index) - (a->node->index < b->node->index);
}

/* A site's change is significant when one of its stacks' is; its direction is that of their sum. */
static void add_site(struct ht_diff *d, const struct ht_diff_stack *s, size_t n)
{
    struct ht_diff_site *site = &d->sites[d->n_sites++];
    double believed = 0;
    *site = (struct ht_diff_site){.node = s->site, .first = s, .n_stacks = n, .change.p = 1};
    for (size_t i = 0; i < n; i++) {
        const struct ht_change *c = &s[i].change;
        ht_evidence_sum(&site->change.before, &c->before);
        ht_evidence_sum(&site->change.after, &c->after);
        site->change.p = fmin(site->change.p, c->p);
        site->before += s[i].before;
        site->after += s[i].after;
        if (c->verdict == HT_GREW || c->verdict == HT_SHRANK)
            believed += c->after.value - c->before.value;
    }
    site->change.verdict = believed > 0                  ? HT_GREW
                           : believed < 0                ? HT_SHRANK
                           : site->after != site->before ? HT_MAYBE
                                                         : HT_SAME;
    set_interval(d, &site->change);
}

static int judge(struct ht_diff *d)
{
    struct ht_change **changes = calloc(d->n_stacks + 1, sizeof(*changes));
    int err = changes ? 0 : -ENOMEM;
    for (size_t i = 0; !err && i < d->n_stacks; i++)
        changes[i] = &d->stacks[i].change;
    if (!err)
        err = ht_changes_judge(changes, d->n_stacks, LEVEL);
    free(changes);
    return err;
}

int ht_diff_collect(struct ht_diff *d, struct ht_report *r, const struct ht_compared *sides)
{
    *d = (struct ht_diff){.r = r, .c = sides};
    struct collector c = {.d = d, .born = -1};
    c.ages = sides->same_process && !sides->survivors && has_ages(r->p);
    if (sides->same_process && !sides->folded)
        c.born = counter_of(r->p, r->p->sample_types[r->index].type);
    int err = gather(&c);
    if (!err) {
        d->stacks = calloc((size_t)c.groups.n + 1, sizeof(*d->stacks));
        d->sites = calloc((size_t)c.groups.n + 1, sizeof(*d->sites));
        err = d->stacks && d->sites ? 0 : -ENOMEM;
    }
    for (uint32_t i = 0; !err && i < c.groups.n; i++)
        add_stack(&c, c.entries, entries_of(&c, i));
    if (!err)
        err = judge(d);
    if (!err) {
        qsort(d->stacks, d->n_stacks, sizeof(*d->stacks), by_site);
        for (size_t i = 0, k; i < d->n_stacks; i = k) {
            for (k = i + 1; k < d->n_stacks && d->stacks[k].site == d->stacks[i].site; k++)
                ;
            add_site(d, d->stacks + i, k - i);
        }
        qsort(d->sites, d->n_sites, sizeof(*d->sites), by_change);
    }
    ht_diff_groups_finish(&c.groups);
    free(c.entries);
    free(c.parts);
    free(c.runs);
    return err;
}

void ht_diff_finish(struct ht_diff *d)
{
    free(d->stacks);
    free(d->sites);
}

/* SPDX-License-Identifier: MIT */
/* Adds samples up by owner and follows each owner's heaviest callers. */
#include "config.h"

#include "owners/owners.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evidence/sampling.h"

static bool is_start(const struct ht_owner_stacks *s, const struct ht_owner_stack *k, size_t i)
{
    return ht_wrappers_is_start(s->functions[s->frames[k->first + i]].name);
}

/* The owner's frame. When all are wrappers, the outermost one of the program itself. */
static size_t owner_of(const struct ht_owner_stacks *s, const struct ht_owner_stack *k)
{
    size_t i = k->at;
    if (i == k->n || (i && is_start(s, k, i)))
        i--;
    return i;
}

size_t ht_owner_line(const struct ht_owner_stacks *s, const struct ht_profile *p, size_t sample)
{
    if (s->of_sample[sample] == SIZE_MAX)
        return SIZE_MAX;
    const struct ht_sample *x = &p->samples[sample];
    size_t at = owner_of(s, &s->stacks[s->of_sample[sample]]), runs = 0, line = 0;
    uint32_t last = UINT32_MAX;
    for (size_t i = 0; i < x->n_locations; i++)
        for (size_t j = 0; j < (x->locations[i]->n_lines ? x->locations[i]->n_lines : 1); j++) {
            uint32_t f = ht_owner_stacks_function(s, x->locations[i], j);
            runs += !line || f != last;
            if (runs > at + 1)
                return line - 1;
            last = f;
            line++;
        }
    return line - 1;
}

struct caller {
    uint32_t owner, function;
    size_t sample, next; /* next: the frame after it in its stack */
    int64_t value;
};

static int64_t magnitude(int64_t v)
{
    return v < 0 ? (int64_t)(0 - (uint64_t)v) : v;
}

static int by_owner(const void *pa, const void *pb)
{
    const struct caller *a = pa, *b = pb;
    if (a->owner != b->owner)
        return a->owner < b->owner ? -1 : 1;
    if (a->function != b->function)
        return a->function < b->function ? -1 : 1;
    return a->sample < b->sample ? -1 : a->sample > b->sample;
}

/* The next frame to show: not a wrapper and not the same as the last; with `named` only one that
 * has a name. */
static size_t next_frame(struct ht_owner_stacks *s, const struct ht_wrappers *list,
                         const struct ht_owner_stack *k, size_t at, bool named)
{
    for (size_t i = at + 1; i < k->n; i++) {
        uint32_t number = s->frames[k->first + i];
        const struct ht_owner_function *f = &s->functions[number];
        bool wrapper = ht_owner_stacks_leave_out(s, number, list);
        if (!wrapper && (f->named || !named) && s->frames[k->first + i] != s->frames[k->first + at])
            return is_start(s, k, i) ? k->n : i;
    }
    return k->n;
}

/* c are one owner's samples, each at some caller. Keeps those of the heaviest caller in front and
 * returns how many; *different gets the number of callers. */
static size_t heaviest(struct caller *c, size_t n, size_t *different)
{
    size_t best = 0, best_n = 0;
    int64_t most = -1;
    *different = 0;
    qsort(c, n, sizeof *c, by_owner);
    for (size_t i = 0, end; i < n; i = end) {
        int64_t sum = 0;
        for (end = i; end < n && c[end].function == c[i].function; end++)
            sum += magnitude(c[end].value);
        ++*different;
        if (sum > most || (sum == most && c[i].sample < c[best].sample)) {
            most = sum;
            best = i;
            best_n = end - i;
        }
    }
    memmove(c, c + best, best_n * sizeof *c);
    return best_n;
}

/* Moves n callers on to the next frames and keeps those of the heaviest. False: there is none. */
static bool go_up(struct ht_owners *o, const struct ht_wrappers *list, struct caller *c, size_t *n,
                  bool named, size_t *different)
{
    struct ht_owner_stacks *s = &o->stacks;
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++) {
        const struct ht_owner_stack *k = &s->stacks[o->stacks.of_sample[c[i].sample]];
        size_t next = next_frame(s, list, k, c[i].next, named);
        if (next == k->n)
            continue;
        c[kept] = c[i];
        c[kept].next = next;
        c[kept++].function = s->frames[k->first + next];
    }
    if (kept)
        *n = heaviest(c, kept, different);
    return kept;
}

static void follow(struct ht_owners *o, const struct ht_wrappers *list, struct ht_owner *w,
                   struct caller *c, size_t n)
{
    struct ht_owner_stacks *s = &o->stacks;
    bool named = s->functions[w->function].named;
    /* Two callers are enough when one of them has a name. */
    for (size_t step = 0; step < HT_OWNER_PATH && (step < 2 || !named); step++) {
        size_t different;
        if (!go_up(o, list, c, &n, step >= 2, &different))
            break;
        if (!step)
            w->callers = different;
        w->elided = step >= 2;
        w->path[w->n_path++] = s->functions[c[0].function].name;
        named |= s->functions[c[0].function].named;
    }
}

/* Where an owner has no name: c is changed. */
static void find_within(struct ht_owners *o, const struct ht_wrappers *list, struct ht_owner *w,
                        struct caller *c, size_t n)
{
    const struct ht_owner_function *functions = o->stacks.functions;
    size_t different;
    if (!go_up(o, list, c, &n, true, &different) ||
        functions[c[0].function].object != functions[w->function].object)
        return;
    w->within = functions[c[0].function].name;
    while (w->n_above < HT_OWNER_PATH - 1 && go_up(o, list, c, &n, false, &different))
        w->above[w->n_above++] = functions[c[0].function].name;
}

static int by_weight(const void *pa, const void *pb, void *first)
{
    const struct ht_owner *a = pa, *b = pb;
    const size_t *seen = first;
    int64_t x = magnitude(a->value), y = magnitude(b->value);
    if (x != y)
        return x < y ? 1 : -1;
    return seen[a->function] < seen[b->function] ? -1 : seen[a->function] > seen[b->function];
}

/* One owner a function that owns something, sorted; c gets a caller for each sample. */
static int add_up(struct ht_owners *o, const struct ht_profile *p,
                  const struct ht_owners_options *how, struct caller *c, size_t *n_callers)
{
    struct ht_owner_stacks *s = &o->stacks;
    size_t *seen = calloc(s->n_functions + 1, sizeof *seen);
    uint32_t *place = calloc(s->n_functions + 1, sizeof *place);
    o->list = calloc(s->n_functions + 1, sizeof *o->list);
    if (!seen || !place || !o->list)
        return free(seen), free(place), -ENOMEM;
    for (size_t i = 0; i < p->n_samples; i++) {
        int64_t v = p->samples[i].values[how->value];
        o->of_sample[i] = UINT32_MAX;
        if (s->of_sample[i] == SIZE_MAX || (!v && !(how->shown && how->shown[i])))
            continue;
        const struct ht_owner_stack *k = &s->stacks[s->of_sample[i]];
        size_t at = owner_of(s, k);
        uint32_t f = s->frames[k->first + at];
        if (!place[f]) {
            const struct ht_owner_function *of = &s->functions[f];
            o->list[o->n] =
                (struct ht_owner){.name = of->name, .object = of->object, .function = f};
            place[f] = (uint32_t)++o->n;
            seen[f] = i;
        }
        struct ht_owner *w = &o->list[place[f] - 1];
        w->value = (int64_t)((uint64_t)w->value + (uint64_t)v);
        if (how->sampling) {
            struct ht_evidence e = ht_sampling_evidence(how->sampling, &p->samples[i]);
            ht_evidence_sum(&w->evidence, &e);
        }
        c[(*n_callers)++] = (struct caller){.owner = f, .sample = i, .next = at, .value = v};
    }
    if (o->n)
        qsort_r(o->list, o->n, sizeof *o->list, by_weight, seen);
    for (size_t i = 0; i < o->n; i++)
        place[o->list[i].function] = (uint32_t)i;
    for (size_t i = 0; i < *n_callers; i++)
        o->of_sample[c[i].sample] = c[i].owner = place[c[i].owner];
    free(seen);
    free(place);
    return 0;
}

/* Those of n callers whose sample is shown, in front; all n when there is none. */
static size_t shown_callers(struct caller *c, size_t n, const bool *shown)
{
    size_t kept = 0;
    for (size_t i = 0; shown && i < n; i++)
        if (shown[c[i].sample])
            c[kept++] = c[i];
    return kept ? kept : n;
}

int ht_owners_find(struct ht_owners *o, struct ht_profile *p, const struct ht_owners_options *how)
{
    *o = (struct ht_owners){0};
    int err = ht_owner_stacks_init(&o->stacks, p);
    if (!err && !how->no_wrappers)
        err = ht_owner_stacks_behaviour(&o->stacks, p, how->list);
    struct caller *c = calloc(p->n_samples + 1, sizeof *c);
    struct caller *scratch = calloc(p->n_samples + 1, sizeof *scratch);
    size_t n = 0;
    o->of_sample = calloc(p->n_samples + 1, sizeof *o->of_sample);
    if (!err && (!c || !scratch || !o->of_sample))
        err = -ENOMEM;
    if (!err)
        err = add_up(o, p, how, c, &n);
    if (!err && n)
        qsort(c, n, sizeof *c, by_owner);
    for (size_t i = 0, end; !err && i < n; i = end) {
        for (end = i; end < n && c[end].owner == c[i].owner; end++)
            ;
        const struct ht_wrappers *list = how->no_wrappers ? NULL : how->list;
        struct ht_owner *w = &o->list[c[i].owner];
        const size_t shown = shown_callers(c + i, end - i, how->shown);
        if (!o->stacks.functions[w->function].named) {
            memcpy(scratch, c + i, shown * sizeof *c);
            find_within(o, list, w, scratch, shown);
        }
        follow(o, list, w, c + i, shown);
    }
    free(scratch);
    free(c);
    return err;
}

void ht_owners_finish(struct ht_owners *o)
{
    ht_owner_stacks_finish(&o->stacks);
    free(o->list);
    free(o->of_sample);
}

static void put_label(FILE *f, const struct ht_owner *o)
{
    if (o->within)
        fprintf(f, "%s (%s)", o->within, o->name);
    else
        fputs(o->name, f);
}

char *ht_owner_text(const struct ht_owner *o)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return NULL;
    put_label(f, o);
    for (size_t i = 0; o->within && i < o->n_above; i++)
        fprintf(f, " \xe2\x86\x90 %s", o->above[i]);
    for (size_t i = 0; !o->within && i < o->n_path; i++)
        fprintf(f, " \xe2\x86\x90 %s%s", o->elided && i == 2 ? "\xe2\x80\xa6 \xe2\x86\x90 " : "",
                o->path[i]);
    if (fclose(f)) {
        free(text);
        return NULL;
    }
    return text;
}

char *ht_owner_label(const struct ht_owner *o)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return NULL;
    put_label(f, o);
    if (fclose(f)) {
        free(text);
        return NULL;
    }
    return text;
}

/* SPDX-License-Identifier: MIT */
/* Functions are distinguished by name and binary; those without a name by address. */
#include "config.h"

#include "owners/stacks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One line of one location, on its way to a function. */
struct key {
    const char *name, *symbol, *object;
    size_t place; /* in the order of locations and lines */
    uint64_t at;
    bool named, no_file;
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* Code that is in no file counts as one function, because its addresses mean nothing. */
static bool of_no_file(const struct ht_mapping *m)
{
    return m && !*m->build_id &&
           (!*m->file || !strncmp(m->file, "//anon", 6) || !strncmp(m->file, "[anon", 5) ||
            !strncmp(m->file, "/memfd:", 7));
}

static const char *unnamed(struct ht_profile *p, const struct ht_location *l, struct key *k)
{
    char text[300];
    const struct ht_mapping *m = l->mapping;
    k->no_file = of_no_file(m);
    if (k->no_file)
        snprintf(text, sizeof text, "[JIT code]");
    else if (m && *m->file)
        snprintf(text, sizeof text, "%.200s+0x%" PRIx64, base_name(m->file),
                 l->address - m->start + m->offset);
    else
        snprintf(text, sizeof text, "0x%" PRIx64, l->address);
    return ht_profile_str(p, text);
}

static int by_function(const void *pa, const void *pb)
{
    const struct key *a = pa, *b = pb;
    int c = a->name != b->name ? strcmp(a->name, b->name) : 0;
    if (!c && a->object != b->object)
        c = strcmp(a->object, b->object);
    if (c)
        return c;
    return a->place < b->place ? -1 : a->place > b->place;
}

static size_t lines_of(const struct ht_location *l)
{
    return l->n_lines ? l->n_lines : 1;
}

/* Numbers the functions: of_line[i] is the function of the i-th line of all locations. */
static int number_functions(struct ht_owner_stacks *s, struct ht_profile *p, uint32_t *of_line,
                            size_t n_lines)
{
    const char *empty = ht_profile_str(p, "");
    struct key *keys = calloc(n_lines + 1, sizeof *keys);
    size_t at = 0;
    if (!keys || !empty)
        return free(keys), -ENOMEM;
    for (size_t i = 0; i < p->n_locations; i++) {
        const struct ht_location *l = p->locations[i];
        for (size_t j = 0; j < lines_of(l); j++, at++) {
            struct key *k = &keys[at];
            const struct ht_function *f = l->n_lines ? l->lines[j].function : NULL;
            *k = (struct key){
                .object = l->mapping ? l->mapping->file : empty, .place = at, .at = l->address};
            bool place = ht_location_is_place(l);
            k->named = f && *f->name && !place;
            k->name = k->named || place ? f->name : unnamed(p, l, k);
            k->symbol = f ? f->system_name : empty;
            if (!k->name)
                return free(keys), -ENOMEM;
        }
    }
    qsort(keys, n_lines, sizeof *keys, by_function);
    s->functions = calloc(n_lines + 1, sizeof *s->functions);
    for (size_t i = 0; s->functions && i < n_lines; i++) {
        if (!i || keys[i].name != keys[i - 1].name || keys[i].object != keys[i - 1].object)
            s->functions[s->n_functions++] =
                (struct ht_owner_function){.name = keys[i].name,
                                           .symbol = keys[i].symbol,
                                           .object = keys[i].object,
                                           .named = keys[i].named,
                                           .code_of_no_file = keys[i].no_file};
        struct ht_owner_function *f = &s->functions[s->n_functions - 1];
        if (!f->at || keys[i].at < f->at)
            f->at = keys[i].at;
        of_line[keys[i].place] = s->n_functions - 1;
    }
    free(keys);
    return s->functions ? 0 : -ENOMEM;
}

static int by_stack(const void *pa, const void *pb, void *profile)
{
    const struct ht_profile *p = profile;
    size_t x = *(const size_t *)pa, y = *(const size_t *)pb;
    const struct ht_sample *a = &p->samples[x], *b = &p->samples[y];
    if (a->n_locations != b->n_locations)
        return a->n_locations < b->n_locations ? -1 : 1;
    int c = memcmp(a->locations, b->locations, a->n_locations * sizeof *a->locations);
    return c ? c : x < y ? -1 : x > y;
}

static bool same_stack(const struct ht_sample *a, const struct ht_sample *b)
{
    return a->n_locations == b->n_locations &&
           !memcmp(a->locations, b->locations, a->n_locations * sizeof *a->locations);
}

static void fill(struct ht_owner_stacks *s, const struct ht_sample *sample, const uint32_t *of_line)
{
    struct ht_owner_stack *k = &s->stacks[s->n_stacks++];
    k->first = s->n_frames;
    for (size_t i = 0; i < sample->n_locations; i++) {
        const struct ht_location *l = sample->locations[i];
        for (size_t j = 0; j < lines_of(l); j++) {
            uint32_t f = of_line[l->mark + j];
            if (s->n_frames == k->first || s->frames[s->n_frames - 1] != f)
                s->frames[s->n_frames++] = f;
        }
    }
    k->n = s->n_frames - k->first;
}

static int build(struct ht_owner_stacks *s, struct ht_profile *p, const uint32_t *of_line,
                 size_t *order)
{
    size_t n = 0, frames = 0;
    for (size_t i = 0; i < p->n_samples; i++) {
        s->of_sample[i] = SIZE_MAX;
        if (p->samples[i].n_locations)
            order[n++] = i;
    }
    if (n)
        qsort_r(order, n, sizeof *order, by_stack, p);
    for (size_t i = 0; i < n; i++) {
        const struct ht_sample *k = &p->samples[order[i]];
        if (!i || !same_stack(k, &p->samples[order[i - 1]]))
            for (size_t j = 0; j < k->n_locations; j++)
                frames += lines_of(k->locations[j]);
    }
    s->frames = calloc(frames + 1, sizeof *s->frames);
    s->stacks = calloc(n + 1, sizeof *s->stacks);
    if (!s->frames || !s->stacks)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const struct ht_sample *k = &p->samples[order[i]];
        if (!i || !same_stack(k, &p->samples[order[i - 1]]))
            fill(s, k, of_line);
        s->of_sample[order[i]] = s->n_stacks - 1;
    }
    return 0;
}

int ht_owner_stacks_init(struct ht_owner_stacks *s, struct ht_profile *p)
{
    *s = (struct ht_owner_stacks){0};
    size_t n_lines = 0;
    for (size_t i = 0; i < p->n_locations; i++) {
        p->locations[i]->mark = n_lines;
        n_lines += lines_of(p->locations[i]);
    }
    s->of_line = calloc(n_lines + 1, sizeof *s->of_line);
    size_t *order = calloc(p->n_samples + 1, sizeof *order);
    s->of_sample = calloc(p->n_samples + 1, sizeof *s->of_sample);
    int err = s->of_line && order && s->of_sample && n_lines < UINT32_MAX ? 0 : -ENOMEM;
    if (!err)
        err = number_functions(s, p, s->of_line, n_lines);
    if (!err)
        err = build(s, p, s->of_line, order);
    free(order);
    return err;
}

void ht_owner_stacks_finish(struct ht_owner_stacks *s)
{
    free(s->functions);
    free(s->frames);
    free(s->stacks);
    free(s->of_sample);
    free(s->of_line);
}

uint32_t ht_owner_stacks_function(const struct ht_owner_stacks *s, const struct ht_location *l,
                                  size_t line)
{
    return s->of_line[l->mark + line];
}

bool ht_owner_stacks_leave_out(const struct ht_owner_stacks *s, uint32_t function,
                               const struct ht_wrappers *list)
{
    const struct ht_owner_function *f = &s->functions[function];
    return f->behaves ||
           (f->named && list && ht_wrappers_ask(list, f->name, f->symbol) == HT_WRAPPER);
}

static bool is_wrapper(struct ht_owner_function *f, const struct ht_wrappers *list)
{
    if (!f->known) {
        f->known = true;
        f->rule = (unsigned char)(f->named && list ? ht_wrappers_ask(list, f->name, f->symbol)
                                                   : HT_WRAPPER_UNKNOWN);
    }
    return f->rule == HT_WRAPPER || f->behaves;
}

/* A function without a name that is called by a wrapper of its own library is a part of it. */
static bool is_part(const struct ht_owner_stacks *s, const struct ht_owner_stack *k,
                    const struct ht_wrappers *list)
{
    struct ht_owner_function *f = &s->functions[s->frames[k->first + k->at]];
    if (f->named || f->code_of_no_file || k->at + 1 >= k->n)
        return false;
    struct ht_owner_function *caller = &s->functions[s->frames[k->first + k->at + 1]];
    return caller->object == f->object && is_wrapper(caller, list);
}

int ht_owner_stacks_parts(struct ht_owner_stacks *s, const struct ht_wrappers *list)
{
    /* For each function: how often it is a part of a wrapper, and how often it comes first. */
    uint32_t(*seen)[2] = calloc(s->n_functions + 1, sizeof *seen);
    if (!seen)
        return -ENOMEM;
    for (size_t i = 0; i < s->n_stacks; i++) {
        struct ht_owner_stack k = s->stacks[i];
        for (k.at = 0; k.at < k.n; k.at++) {
            uint32_t f = s->frames[k.first + k.at];
            bool part = is_part(s, &k, list);
            seen[f][!part]++;
            if (!part && !is_wrapper(&s->functions[f], list))
                break;
        }
    }
    for (uint32_t f = 0; f < s->n_functions; f++)
        if (seen[f][0] && seen[f][0] >= seen[f][1])
            s->functions[f].behaves = true;
    free(seen);
    return 0;
}

void ht_owner_stacks_advance(struct ht_owner_stacks *s, const struct ht_wrappers *list)
{
    for (size_t i = 0; i < s->n_stacks; i++) {
        struct ht_owner_stack *k = &s->stacks[i];
        while (k->at < k->n && (is_wrapper(&s->functions[s->frames[k->first + k->at]], list) ||
                                is_part(s, k, list)))
            k->at++;
    }
}

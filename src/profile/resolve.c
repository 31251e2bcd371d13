/* SPDX-License-Identifier: MIT */
/* The decoder's second pass: what names something must find it. */
#include "config.h"

#include <errno.h>

#include "profile/decode.h"

static bool resolve_string(struct ht_decoder *d, const char **s)
{
    uint64_t i = (uint64_t)(uintptr_t)*s;
    if (i >= d->strings.n)
        return ht_decode_fail(d, -EINVAL, "string index %lld is outside the table of %zu strings",
                              (long long)i, d->strings.n);
    *s = (const char *)(uintptr_t)d->strings.v[i];
    return true;
}

static bool resolve_number(struct ht_decoder *d, uint64_t index, const char **s)
{
    *s = ht_index_as_string(index);
    return resolve_string(d, s);
}

static bool put_id(struct ht_decoder *d, struct ht_idmap *map, uint64_t id, void *object,
                   const char *what)
{
    if (ht_idmap_put(map, id, object))
        return true;
    if (!id)
        return ht_decode_fail(d, -EINVAL, "a %s has the reserved id 0", what);
    if (!ht_idmap_get(map, id))
        return ht_decode_no_memory(d);
    return ht_decode_fail(d, -EINVAL, "two %ss have the id %llu", what, (unsigned long long)id);
}

static bool resolve_location(struct ht_decoder *d, struct ht_location *l)
{
    uint64_t id = (uint64_t)(uintptr_t)l->mapping;
    l->mapping = id ? ht_idmap_get(&d->mappings, id) : NULL;
    if (id && !l->mapping)
        return ht_decode_fail(d, -EINVAL, "location %llu names mapping %llu, which is not there",
                              (unsigned long long)l->id, (unsigned long long)id);
    for (size_t i = 0; i < l->n_lines; i++) {
        id = (uint64_t)(uintptr_t)l->lines[i].function;
        l->lines[i].function = ht_idmap_get(&d->functions, id);
        if (!l->lines[i].function)
            return ht_decode_fail(d, -EINVAL,
                                  "location %llu names function %llu, which is not there",
                                  (unsigned long long)l->id, (unsigned long long)id);
    }
    return put_id(d, &d->locs, l->id, l, "location");
}

static bool resolve_stack(struct ht_decoder *d, struct ht_sample *s, size_t number)
{
    for (size_t i = 0; i < s->n_locations; i++) {
        uint64_t id = (uint64_t)(uintptr_t)s->locations[i];
        s->locations[i] = ht_idmap_get(&d->locs, id);
        if (!s->locations[i])
            return ht_decode_fail(d, -EINVAL, "sample %zu names location %llu, which is not there",
                                  number, (unsigned long long)id);
    }
    return true;
}

static bool resolve_labels(struct ht_decoder *d, struct ht_sample *s)
{
    for (size_t i = 0; i < s->n_labels; i++) {
        struct ht_label *l = &s->labels[i];
        bool text = l->str != NULL;
        if (!resolve_string(d, &l->key) || !resolve_string(d, &l->num_unit) ||
            (text && !resolve_string(d, &l->str)))
            return false;
        if (text)
            l->num = 0;
    }
    return ht_labels_sort(s->labels, s->n_labels) ? ht_decode_no_memory(d) : true;
}

static bool resolve_sample(struct ht_decoder *d, struct ht_sample *s)
{
    uint8_t shares = d->shares[s - d->p->samples];
    size_t number = (size_t)(s - d->p->samples) + 1;
    return (shares & HT_SHARES_STACK || resolve_stack(d, s, number)) &&
           (shares & HT_SHARES_LABELS || resolve_labels(d, s));
}

bool ht_decode_resolve_one(struct ht_decoder *d, struct ht_sample *s)
{
    return resolve_stack(d, s, d->taken) && resolve_labels(d, s);
}

static bool resolve_header(struct ht_decoder *d)
{
    struct ht_profile *p = d->p;
    for (size_t i = 0; i < d->types.n; i += 2) {
        const char *type, *unit;
        if (!resolve_number(d, d->types.v[i], &type) ||
            !resolve_number(d, d->types.v[i + 1], &unit))
            return false;
        if (ht_profile_add_sample_type(p, type, unit))
            return ht_decode_no_memory(d);
    }
    for (size_t i = 0; i < d->comments.n; i++) {
        const char *s;
        if (!resolve_number(d, d->comments.v[i], &s))
            return false;
        if (ht_profile_add_comment(p, s))
            return ht_decode_no_memory(d);
    }
    return resolve_number(d, d->drop, &p->drop_frames) &&
           resolve_number(d, d->keep, &p->keep_frames) &&
           resolve_number(d, d->dflt, &p->default_sample_type) &&
           resolve_number(d, d->doc, &p->doc_url) &&
           resolve_number(d, d->period_type, &p->period_type.type) &&
           resolve_number(d, d->period_unit, &p->period_type.unit);
}

/* Samples that came before their types (d->lines has their counts of values). */
static bool check_early_samples(struct ht_decoder *d)
{
    for (size_t i = 0; i < d->early.n; i++)
        if (d->early.v[i] != d->p->n_sample_types || !d->p->n_sample_types)
            return ht_decode_fail(d, -EINVAL, "sample %zu has %zu values for %zu sample types",
                                  i + 1, (size_t)d->early.v[i], d->p->n_sample_types);
    return true;
}

bool ht_decode_resolve(struct ht_decoder *d)
{
    struct ht_profile *p = d->p;
    if (!resolve_header(d) || !check_early_samples(d))
        return false;
    if (ht_idmap_init(&d->mappings, p->n_mappings) ||
        ht_idmap_init(&d->functions, p->n_functions) || ht_idmap_init(&d->locs, p->n_locations))
        return ht_decode_no_memory(d);
    for (size_t i = 0; i < p->n_mappings; i++) {
        struct ht_mapping *m = p->mappings[i];
        if (!resolve_string(d, &m->file) || !resolve_string(d, &m->build_id) ||
            !put_id(d, &d->mappings, m->id, m, "mapping"))
            return false;
        ht_profile_note_ids(p, m->id, 0, 0);
    }
    for (size_t i = 0; i < p->n_functions; i++) {
        struct ht_function *f = p->functions[i];
        if (!resolve_string(d, &f->name) || !resolve_string(d, &f->system_name) ||
            !resolve_string(d, &f->filename) || !put_id(d, &d->functions, f->id, f, "function"))
            return false;
        ht_profile_note_ids(p, 0, 0, f->id);
    }
    for (size_t i = 0; i < p->n_locations; i++) {
        if (!resolve_location(d, p->locations[i]))
            return false;
        ht_profile_note_ids(p, 0, p->locations[i]->id, 0);
    }
    for (size_t i = 0; i < p->n_samples; i++)
        if (!resolve_sample(d, &p->samples[i]))
            return false;
    return true;
}

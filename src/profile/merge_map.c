/* SPDX-License-Identifier: MIT */
/*
 * Finds the equal objects (twins) of a source's objects in the merged profile: mappings are equal
 * by size (in pages), offset and build-id or file, wherever they were loaded; locations by place in
 * their mapping and lines; samples by stack and labels.
 */
#include "config.h"

#include "profile/merge_map.h"

#include <stdlib.h>
#include <string.h>

#include "profile/store.h"

static const char *key_of(const struct ht_mapping *m)
{
    return *m->build_id ? m->build_id : m->file;
}

static uint64_t pages_of(const struct ht_mapping *m)
{
    return (m->limit - m->start + 0xfff) & ~(uint64_t)0xfff;
}

static bool same_mapping(const struct ht_mapping *a, const struct ht_mapping *b)
{
    return pages_of(a) == pages_of(b) && a->offset == b->offset && !strcmp(key_of(a), key_of(b));
}

/* A mark is the twin in the merged profile, 0 when there is none yet. */

static struct ht_mapping *map_mapping(struct ht_merge *m, struct ht_mapping *src)
{
    if (src->mark)
        return (struct ht_mapping *)src->mark;
    const char *key = ht_profile_str(m->p, key_of(src));
    if (!key || !ht_table_reserve(&m->mappings))
        return NULL;
    uint64_t hash =
        ht_hash_mix(ht_hash_mix(ht_hash_mix(1, pages_of(src)), src->offset), (uintptr_t)key);
    size_t at = hash;
    struct ht_mapping *dst;
    while ((dst = (struct ht_mapping *)ht_table_next(&m->mappings, hash, &at)))
        if (same_mapping(src, dst))
            break;
    if (!dst) {
        dst = ht_profile_add_mapping(m->p);
        if (!dst)
            return NULL;
        uint64_t id = dst->id;
        *dst = *src;
        dst->id = id;
        dst->file = ht_profile_str(m->p, src->file);
        dst->build_id = ht_profile_str(m->p, src->build_id);
        if (!dst->file || !dst->build_id)
            return NULL;
        ht_table_put(&m->mappings, hash, at, (uintptr_t)dst);
    }
    src->mark = (uintptr_t)dst;
    return dst;
}

static struct ht_function *map_function(struct ht_merge *m, struct ht_function *src)
{
    if (src->mark)
        return (struct ht_function *)src->mark;
    struct ht_function f = {
        .name = ht_profile_str(m->p, src->name),
        .system_name = ht_profile_str(m->p, src->system_name),
        .filename = ht_profile_str(m->p, src->filename),
        .start_line = src->start_line,
    };
    if (!f.name || !f.system_name || !f.filename || !ht_table_reserve(&m->functions))
        return NULL;
    uint64_t hash = ht_hash_mix(ht_hash_mix(2, (uintptr_t)f.name), (uintptr_t)f.system_name);
    hash = ht_hash_mix(ht_hash_mix(hash, (uintptr_t)f.filename), (uint64_t)f.start_line);
    size_t at = hash;
    struct ht_function *dst;
    while ((dst = (struct ht_function *)ht_table_next(&m->functions, hash, &at)))
        if (dst->name == f.name && dst->system_name == f.system_name &&
            dst->filename == f.filename && dst->start_line == f.start_line)
            break;
    if (!dst) {
        dst = ht_profile_add_function(m->p);
        if (!dst)
            return NULL;
        f.id = dst->id;
        *dst = f;
        ht_table_put(&m->functions, hash, at, (uintptr_t)dst);
    }
    src->mark = (uintptr_t)dst;
    return dst;
}

static uint64_t base_of(const struct ht_location *l)
{
    return l->mapping ? l->mapping->start : 0;
}

/* True when src, with its twins for mapping and functions, equals dst. */
static bool same_location(const struct ht_location *src, const struct ht_location *dst)
{
    if ((src->mapping ? src->mapping->mark : 0) != (uintptr_t)dst->mapping ||
        src->address - base_of(src) != dst->address - base_of(dst) ||
        src->is_folded != dst->is_folded || src->n_lines != dst->n_lines)
        return false;
    for (size_t i = 0; i < src->n_lines; i++)
        if (src->lines[i].function->mark != (uintptr_t)dst->lines[i].function ||
            src->lines[i].line != dst->lines[i].line ||
            src->lines[i].column != dst->lines[i].column)
            return false;
    return true;
}

static struct ht_location *map_location(struct ht_merge *m, struct ht_location *src)
{
    if (src->mark)
        return (struct ht_location *)src->mark;
    struct ht_mapping *mapping = NULL;
    if ((src->mapping && !(mapping = map_mapping(m, src->mapping))) ||
        !ht_table_reserve(&m->locations))
        return NULL;
    uint64_t hash = ht_hash_mix(ht_hash_mix(3, (uintptr_t)mapping), src->address - base_of(src));
    hash = ht_hash_mix(hash, src->n_lines);
    for (size_t i = 0; i < src->n_lines; i++) {
        struct ht_function *f = map_function(m, src->lines[i].function);
        if (!f)
            return NULL;
        hash = ht_hash_mix(ht_hash_mix(hash, (uintptr_t)f), (uint64_t)src->lines[i].line);
    }
    size_t at = hash;
    struct ht_location *dst;
    while ((dst = (struct ht_location *)ht_table_next(&m->locations, hash, &at)))
        if (same_location(src, dst))
            break;
    if (!dst) {
        dst = ht_profile_add_location(m->p);
        struct ht_line *lines = ht_profile_alloc(m->p, src->n_lines * sizeof(*lines));
        if (!dst || !lines)
            return NULL;
        for (size_t i = 0; i < src->n_lines; i++) {
            lines[i] = src->lines[i];
            lines[i].function = (struct ht_function *)src->lines[i].function->mark;
        }
        dst->mapping = mapping;
        dst->address = src->address - base_of(src) + base_of(dst);
        dst->lines = lines;
        dst->n_lines = src->n_lines;
        dst->is_folded = src->is_folded;
        ht_table_put(&m->locations, hash, at, (uintptr_t)dst);
    }
    src->mark = (uintptr_t)dst;
    return dst;
}

/* The sample's stack and labels in the merged profile's terms, in the scratch. */
static bool translate(struct ht_merge *m, const struct ht_sample *s)
{
    if (s->n_locations > m->cap_stack) {
        m->cap_stack = s->n_locations * 2;
        free(m->stack);
        m->stack = malloc(m->cap_stack * sizeof(*m->stack));
    }
    if (s->n_labels + 1u > m->cap_labels) {
        m->cap_labels = ((size_t)s->n_labels + 1) * 2;
        free(m->labels);
        m->labels = malloc(m->cap_labels * sizeof(*m->labels));
    }
    if ((!m->stack && m->cap_stack) || (!m->labels && m->cap_labels))
        return false;
    for (size_t i = 0; i < s->n_locations; i++) {
        m->stack[i] = map_location(m, s->locations[i]);
        if (!m->stack[i])
            return false;
    }
    m->n_labels = 0;
    if (m->key)
        m->labels[m->n_labels++] = (struct ht_label){m->key, m->value, 0, ht_profile_str(m->p, "")};
    for (size_t i = 0; i < s->n_labels; i++) {
        const struct ht_label *l = &s->labels[i];
        if (m->key && l->str && !strcmp(l->key, m->key))
            continue;
        struct ht_label *t = &m->labels[m->n_labels++];
        *t = (struct ht_label){ht_profile_str(m->p, l->key),
                               l->str ? ht_profile_str(m->p, l->str) : NULL, l->num,
                               ht_profile_str(m->p, l->num_unit)};
        if (!t->key || !t->num_unit || (l->str && !t->str))
            return false;
    }
    return !ht_labels_sort(m->labels, m->n_labels);
}

static bool same_sample(const struct ht_merge *m, const struct ht_sample *src,
                        const struct ht_sample *dst)
{
    if (src->n_locations != dst->n_locations || m->n_labels != dst->n_labels)
        return false;
    for (size_t i = 0; i < src->n_locations; i++)
        if (m->stack[i] != dst->locations[i])
            return false;
    for (size_t i = 0; i < m->n_labels; i++) {
        const struct ht_label *a = &m->labels[i], *b = &dst->labels[i];
        if (a->key != b->key || a->str != b->str || a->num != b->num || a->num_unit != b->num_unit)
            return false;
    }
    return true;
}

static bool map_sample(struct ht_merge *m, const struct ht_sample *src)
{
    struct ht_profile *p = m->p;
    if (!translate(m, src) || !ht_numbers_reserve(&m->samples) || p->n_samples == UINT32_MAX - 1)
        return false;
    uint64_t hash = ht_merge_hash(m->stack, src->n_locations, m->labels, m->n_labels);
    size_t at = (uint32_t)hash;
    uint32_t number;
    while ((number = ht_numbers_next(&m->samples, hash, &at))) {
        struct ht_sample *dst = &p->samples[number - 1];
        if (!same_sample(m, src, dst))
            continue;
        for (size_t i = 0; i < p->n_sample_types; i++)
            dst->values[i] = (int64_t)((uint64_t)dst->values[i] + (uint64_t)src->values[i]);
        return true;
    }
    struct ht_sample s = *src;
    s.locations = ht_share_stack(&m->stacks, p, m->stack, src->n_locations);
    s.labels = ht_share_labels(&m->label_sets, p, m->labels, m->n_labels);
    s.n_labels = (uint32_t)m->n_labels;
    s.values = ht_profile_alloc_words(p, p->n_sample_types);
    if (!s.locations || !s.labels || !s.values)
        return false;
    memcpy(s.values, src->values, p->n_sample_types * sizeof(*src->values));
    struct ht_sample *dst = ht_profile_push_sample(p);
    if (!dst)
        return false;
    *dst = s;
    ht_numbers_put(&m->samples, hash, (uint32_t)p->n_samples);
    return true;
}

bool ht_merge_source(struct ht_merge *m, struct ht_profile *src)
{
    for (size_t i = 0; i < src->n_mappings; i++)
        src->mappings[i]->mark = 0;
    for (size_t i = 0; i < src->n_functions; i++)
        src->functions[i]->mark = 0;
    for (size_t i = 0; i < src->n_locations; i++)
        src->locations[i]->mark = 0;
    /* The main binary stays first. */
    return m->p->n_mappings || !src->n_mappings || map_mapping(m, src->mappings[0]);
}

bool ht_merge_sample(struct ht_merge *m, const struct ht_sample *s)
{
    return ht_merge_is_zero(m->p, s) || map_sample(m, s);
}

bool ht_merge_samples(struct ht_merge *m, struct ht_profile *src)
{
    bool ok = ht_merge_source(m, src);
    for (size_t i = 0; ok && i < src->n_samples; i++)
        ok = ht_merge_sample(m, &src->samples[i]);
    return ok;
}

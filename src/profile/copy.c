/* SPDX-License-Identifier: MIT */
/* Copies the objects of a profile one by one into a new one, and its references by ids. */
#include "config.h"

#include <string.h>

#include "profile/idmap.h"
#include "profile/ops.h"
#include "profile/store.h"

static bool copy_header(struct ht_profile *q, const struct ht_profile *p)
{
    for (size_t i = 0; i < p->n_sample_types; i++)
        if (ht_profile_add_sample_type(q, p->sample_types[i].type, p->sample_types[i].unit))
            return false;
    for (size_t i = 0; i < p->n_comments; i++)
        if (ht_profile_add_comment(q, p->comments[i]))
            return false;
    q->drop_frames = ht_profile_str(q, p->drop_frames);
    q->keep_frames = ht_profile_str(q, p->keep_frames);
    q->period_type.type = ht_profile_str(q, p->period_type.type);
    q->period_type.unit = ht_profile_str(q, p->period_type.unit);
    q->default_sample_type = ht_profile_str(q, p->default_sample_type);
    q->doc_url = ht_profile_str(q, p->doc_url);
    q->time_nanos = p->time_nanos;
    q->duration_nanos = p->duration_nanos;
    q->period = p->period;
    return q->drop_frames && q->keep_frames && q->period_type.type && q->period_type.unit &&
           q->default_sample_type && q->doc_url;
}

static bool copy_mapping(struct ht_profile *q, const struct ht_mapping *src)
{
    struct ht_mapping *m = ht_profile_add_mapping(q);
    if (!m)
        return false;
    *m = *src;
    m->file = ht_profile_str(q, src->file);
    m->build_id = ht_profile_str(q, src->build_id);
    ht_profile_note_ids(q, m->id, 0, 0);
    return m->file && m->build_id;
}

static bool copy_function(struct ht_profile *q, const struct ht_function *src)
{
    struct ht_function *f = ht_profile_add_function(q);
    if (!f)
        return false;
    *f = *src;
    f->name = ht_profile_str(q, src->name);
    f->system_name = ht_profile_str(q, src->system_name);
    f->filename = ht_profile_str(q, src->filename);
    ht_profile_note_ids(q, 0, 0, f->id);
    return f->name && f->system_name && f->filename;
}

static bool copy_location(struct ht_profile *q, const struct ht_location *src,
                          const struct ht_idmap *mappings, const struct ht_idmap *functions)
{
    struct ht_location *l = ht_profile_add_location(q);
    struct ht_line *lines = ht_profile_alloc(q, src->n_lines * sizeof(*lines));
    if (!l || !lines)
        return false;
    *l = *src;
    if (src->mapping)
        l->mapping = ht_idmap_get(mappings, src->mapping->id);
    for (size_t i = 0; i < src->n_lines; i++) {
        lines[i] = src->lines[i];
        lines[i].function = ht_idmap_get(functions, src->lines[i].function->id);
    }
    l->lines = lines;
    ht_profile_note_ids(q, 0, l->id, 0);
    return true;
}

static bool copy_sample(struct ht_profile *q, const struct ht_sample *src,
                        const struct ht_idmap *locations)
{
    struct ht_sample *s = ht_profile_add_sample(q, src->n_locations, src->n_labels);
    if (!s)
        return false;
    for (size_t i = 0; i < src->n_locations; i++)
        s->locations[i] = ht_idmap_get(locations, src->locations[i]->id);
    memcpy(s->values, src->values, q->n_sample_types * sizeof(*s->values));
    for (size_t i = 0; i < src->n_labels; i++) {
        const struct ht_label *l = &src->labels[i];
        s->labels[i] =
            (struct ht_label){ht_profile_str(q, l->key), l->str ? ht_profile_str(q, l->str) : NULL,
                              l->num, ht_profile_str(q, l->num_unit)};
        if (!s->labels[i].key || !s->labels[i].num_unit || (l->str && !s->labels[i].str))
            return false;
    }
    return true;
}

struct ht_profile *ht_profile_copy(const struct ht_profile *p)
{
    struct ht_idmap mappings = {0}, functions = {0}, locations = {0};
    struct ht_profile *q = ht_profile_create();
    bool ok = q && copy_header(q, p) && !ht_idmap_init(&mappings, p->n_mappings) &&
              !ht_idmap_init(&functions, p->n_functions) &&
              !ht_idmap_init(&locations, p->n_locations);
    for (size_t i = 0; ok && i < p->n_mappings; i++)
        ok = copy_mapping(q, p->mappings[i]) &&
             ht_idmap_put(&mappings, p->mappings[i]->id, q->mappings[i]);
    for (size_t i = 0; ok && i < p->n_functions; i++)
        ok = copy_function(q, p->functions[i]) &&
             ht_idmap_put(&functions, p->functions[i]->id, q->functions[i]);
    for (size_t i = 0; ok && i < p->n_locations; i++)
        ok = copy_location(q, p->locations[i], &mappings, &functions) &&
             ht_idmap_put(&locations, p->locations[i]->id, q->locations[i]);
    for (size_t i = 0; ok && i < p->n_samples; i++)
        ok = copy_sample(q, &p->samples[i], &locations);
    ht_idmap_finish(&mappings);
    ht_idmap_finish(&functions);
    ht_idmap_finish(&locations);
    if (ok)
        return q;
    ht_profile_destroy(q);
    return NULL;
}

/* SPDX-License-Identifier: MIT */
/* Many profiles into one, by google/pprof's rules: all at once, or one after the other. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "profile/compatible.h"
#include "profile/merge_map.h"
#include "profile/ops.h"
#include "profile/store.h"

/* Appends a comment that is not there yet. */
static bool add_comment(struct ht_merge *m, const char *comment)
{
    const char *s = ht_profile_str(m->p, comment);
    uint64_t hash = ht_hash_mix(7, (uintptr_t)s);
    if (!s || !ht_table_reserve(&m->comments))
        return false;
    size_t at = hash;
    for (uintptr_t other; (other = ht_table_next(&m->comments, hash, &at));)
        if (other == (uintptr_t)s)
            return true;
    ht_table_put(&m->comments, hash, at, (uintptr_t)s);
    return !ht_profile_add_comment(m->p, s);
}

/* The fields that the first source determines. */
static bool begin(struct ht_merge *m, const struct ht_profile *src)
{
    struct ht_profile *p = m->p;
    for (size_t i = 0; i < src->n_sample_types; i++)
        if (ht_profile_add_sample_type(p, src->sample_types[i].type, src->sample_types[i].unit))
            return false;
    p->drop_frames = ht_profile_str(p, src->drop_frames);
    p->keep_frames = ht_profile_str(p, src->keep_frames);
    p->period_type.type = ht_profile_str(p, src->period_type.type);
    p->period_type.unit = ht_profile_str(p, src->period_type.unit);
    m->begun = true;
    return p->drop_frames && p->keep_frames && p->period_type.type && p->period_type.unit;
}

bool ht_merge_header(struct ht_merge *m, const struct ht_profile *s)
{
    struct ht_profile *p = m->p;
    if (!m->begun && !begin(m, s))
        return false;
    if (!p->time_nanos || s->time_nanos < p->time_nanos)
        p->time_nanos = s->time_nanos;
    p->duration_nanos = (int64_t)((uint64_t)p->duration_nanos + (uint64_t)s->duration_nanos);
    if (!p->period || p->period < s->period)
        p->period = s->period;
    if (!*p->default_sample_type)
        p->default_sample_type = ht_profile_str(p, s->default_sample_type);
    if (!*p->doc_url)
        p->doc_url = ht_profile_str(p, s->doc_url);
    bool ok = p->default_sample_type && p->doc_url;
    for (size_t i = 0; ok && i < s->n_comments; i++)
        ok = add_comment(m, s->comments[i]);
    return ok;
}

static struct ht_profile *without_zeros(struct ht_profile *p);

static void finish_tables(struct ht_merge *m)
{
    ht_table_finish(&m->mappings);
    ht_table_finish(&m->functions);
    ht_table_finish(&m->locations);
    ht_table_finish(&m->comments);
    ht_numbers_finish(&m->samples);
    ht_share_finish(&m->stacks);
    ht_share_finish(&m->label_sets);
    free(m->stack);
    free(m->labels);
}

/* The sources, which must be compatible, in one. NULL: out of memory. */
static struct ht_profile *combine(struct ht_profile *const *srcs, size_t n)
{
    struct ht_merge m = {.p = ht_profile_create()};
    bool ok = m.p != NULL;
    for (size_t i = 0; ok && i < n; i++)
        ok = ht_merge_header(&m, srcs[i]) && ht_merge_samples(&m, srcs[i]);
    finish_tables(&m);
    if (ok)
        return without_zeros(m.p);
    ht_profile_destroy(m.p);
    return NULL;
}

/* Drops samples that became zero, and what only they used, by another pass. Takes p. */
static struct ht_profile *without_zeros(struct ht_profile *p)
{
    for (size_t i = 0; i < p->n_samples; i++) {
        if (!ht_merge_is_zero(p, &p->samples[i]))
            continue;
        struct ht_profile *clean = combine(&p, 1);
        ht_profile_destroy(p);
        return clean;
    }
    return p;
}

static const char no_memory[] = "the merged profile needs more memory than there is";

struct ht_profile *ht_profile_merge(struct ht_profile *const *srcs, size_t n, int *err, char *msg,
                                    size_t msg_size)
{
    *err = n ? ht_profiles_make_compatible(srcs, n, msg, msg_size) : -EINVAL;
    if (!n)
        snprintf(msg, msg_size, "there are no profiles to merge");
    if (*err)
        return NULL;
    struct ht_profile *p = combine(srcs, n);
    if (!p) {
        *err = -ENOMEM;
        snprintf(msg, msg_size, "%s", no_memory);
    }
    return p;
}

struct ht_profile *ht_profile_compact(struct ht_profile *p, int *err, char *msg, size_t msg_size)
{
    return ht_profile_merge(&p, 1, err, msg, msg_size);
}

struct ht_merge *ht_merge_create(void)
{
    struct ht_merge *m = calloc(1, sizeof(*m));
    if (m && !(m->p = ht_profile_create())) {
        free(m);
        return NULL;
    }
    return m;
}

/* Scaling has dropped samples: the others have new numbers. */
static bool number_again(struct ht_merge *m)
{
    ht_numbers_finish(&m->samples);
    for (size_t i = 0; i < m->p->n_samples; i++) {
        const struct ht_sample *s = &m->p->samples[i];
        if (!ht_numbers_reserve(&m->samples))
            return false;
        ht_numbers_put(&m->samples,
                       ht_merge_hash(s->locations, s->n_locations, s->labels, s->n_labels),
                       (uint32_t)i + 1);
    }
    return true;
}

int ht_merge_add(struct ht_merge *m, struct ht_profile *src, char *msg, size_t msg_size)
{
    struct ht_profile *both[] = {m->p, src};
    size_t n = m->p->n_samples;
    int err = m->begun ? ht_profiles_make_compatible(both, 2, msg, msg_size) : 0;
    if (err)
        return err;
    if ((m->p->n_samples != n && !number_again(m)) || !ht_merge_header(m, src) ||
        !ht_merge_samples(m, src)) {
        snprintf(msg, msg_size, "%s", no_memory);
        return -ENOMEM;
    }
    return 0;
}

struct ht_profile *ht_merge_finish(struct ht_merge *m, int *err, char *msg, size_t msg_size)
{
    struct ht_profile *p = m->p;
    *err = m->begun ? 0 : -EINVAL;
    finish_tables(m);
    free(m);
    if (*err) {
        snprintf(msg, msg_size, "there are no profiles to merge");
        ht_profile_destroy(p);
        return NULL;
    }
    p = without_zeros(p);
    if (!p) {
        *err = -ENOMEM;
        snprintf(msg, msg_size, "%s", no_memory);
    }
    return p;
}

void ht_merge_destroy(struct ht_merge *m)
{
    if (!m)
        return;
    finish_tables(m);
    ht_profile_destroy(m->p);
    free(m);
}

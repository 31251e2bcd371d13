/* SPDX-License-Identifier: MIT */
/* From a file into the sum, sample by sample. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "profile/merge_map.h"
#include "profile/ops.h"
#include "profile/twice.h"

struct way {
    struct ht_merge *m;
    struct ht_profile *rest;
    ht_merge_see_fn see;
    void *ctx;
    char *msg;
    size_t msg_size;
};

int ht_merge_label(struct ht_merge *m, const char *key, const char *value)
{
    m->key = ht_profile_str(m->p, key);
    m->value = ht_profile_str(m->p, value);
    return m->key && m->value ? 0 : -ENOMEM;
}

static bool same(const struct ht_value_type *a, const struct ht_value_type *b)
{
    return !strcmp(a->type, b->type) && !strcmp(a->unit, b->unit);
}

/* Whether samples can be added as they are: all else is left to what makes profiles compatible. */
static bool same_types(const struct ht_profile *p, const struct ht_profile *src)
{
    bool ok = p->n_sample_types == src->n_sample_types && same(&p->period_type, &src->period_type);
    for (size_t i = 0; ok && i < p->n_sample_types; i++)
        ok = same(&p->sample_types[i], &src->sample_types[i]);
    return ok;
}

static int no_memory(const struct way *w)
{
    snprintf(w->msg, w->msg_size, "the merged profile needs more memory than there is");
    return -ENOMEM;
}

static int add(void *ctx, const struct ht_sample *s)
{
    struct way *w = ctx;
    int err = w->see ? w->see(w->ctx, w->rest, s) : 0;
    return err || ht_merge_sample(w->m, s) ? err : no_memory(w);
}

int ht_merge_add_file(struct ht_merge *m, int fd, ht_merge_see_fn see, void *ctx,
                      struct ht_profile **rest, bool *other, char *msg, size_t msg_size)
{
    struct ht_twice t;
    int err = ht_twice_open(&t, fd, other, msg, msg_size);
    struct way w = {m, t.d.p, see, ctx, msg, msg_size};
    *other |= !err && !*other && m->begun && !same_types(m->p, w.rest);
    if (!err && !*other) {
        if (!ht_merge_header(m, w.rest) || !ht_merge_source(m, w.rest))
            err = no_memory(&w);
        else
            err = ht_twice_samples(&t, add, &w);
    }
    if (rest)
        *rest = NULL;
    if (rest && !err && !*other) {
        *rest = w.rest;
        t.d.p = NULL;
    }
    ht_twice_close(&t);
    return err;
}

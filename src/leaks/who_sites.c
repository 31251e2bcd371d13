/* SPDX-License-Identifier: MIT */
/*
 * The region is streamed as a profile with one sample for each site. Each sample has the number of
 * its site in the label "age".
 */
#include "config.h"

#include "leaks/who_sites.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "owners/owners.h"
#include "profile/ops.h"
#include "profile/profile.h"
#include "profile/regex.h"
#include "region/stream.h"
#include "util/buffer.h"
#include "util/utf8.h"

struct maker {
    const struct ht_view *view;
    struct ht_who_sites *out;
    size_t room;
    bool failed; /* out of memory */
};

static bool part_of(void *ctx, ht_ref ref, const struct ht_site *site, uint32_t index,
                    struct ht_stream_part *out)
{
    struct maker *m = ctx;
    struct ht_who_sites *s = m->out;
    if (index)
        return false;
    if (s->n == m->room) {
        size_t room = m->room ? 2 * m->room : 256;
        struct ht_who_site *more = reallocarray(s->site, room, sizeof *more);
        if (!more) {
            m->failed = true;
            return false;
        }
        s->site = more;
        m->room = room;
    }
    ht_site_values(m->view, site, &out->values);
    out->age = (int64_t)s->n;
    s->site[s->n++] = (struct ht_who_site){
        .ref = ref, .owner = UINT32_MAX, .rate = site->rate < 1ull << 50 ? site->rate : 1};
    return true;
}

static struct ht_profile *read_profile(struct maker *m, int *err, char *msg, size_t msg_size)
{
    struct ht_buffer b = {0};
    struct ht_stream_workspace *w = malloc(sizeof *w);
    const struct ht_stream_options o = {.part = part_of, .ctx = m};
    struct ht_profile *p = NULL;
    int64_t n = w ? ht_stream_profile(m->view, &o, w, ht_buffer_append, &b) : -ENOMEM;
    *err = m->failed ? -ENOMEM : n < 0 ? (int)n : 0;
    if (!*err)
        p = ht_profile_decode(b.data, b.size, err, msg, msg_size);
    free(w);
    free(b.data);
    return p;
}

static bool matches(const struct ht_sample *s, const struct ht_regex *re)
{
    for (uint32_t i = 0; i < s->n_locations; i++)
        for (size_t k = 0; k < s->locations[i]->n_lines; k++)
            if (s->locations[i]->lines[k].function &&
                ht_regex_match(re, s->locations[i]->lines[k].function->name))
                return true;
    return false;
}

/* The site's number. */
static size_t number_of(const struct ht_sample *s)
{
    for (uint32_t i = 0; i < s->n_labels; i++)
        if (!s->labels[i].str && !strcmp(s->labels[i].key, "age"))
            return (size_t)s->labels[i].num;
    return SIZE_MAX;
}

static char *plain(char *text)
{
    if (text)
        ht_plain_text(text, false);
    return text;
}

/* The last owner stands for blocks without one. */
static int copy_owners(struct ht_who *w, const struct ht_owners *owners)
{
    w->owner = calloc(owners->n + 1, sizeof *w->owner);
    if (!w->owner)
        return -ENOMEM;
    w->n_owners = owners->n + 1;
    for (size_t i = 0; i <= owners->n; i++) {
        struct ht_who_owner *o = &w->owner[i];
        o->name = plain(strdup(i < owners->n ? owners->list[i].name : "?"));
        o->path = plain(i < owners->n ? ht_owner_text(&owners->list[i]) : strdup("?"));
        if (!o->name || !o->path)
            return -ENOMEM;
    }
    return 0;
}

static int by_ref(const void *a, const void *b)
{
    ht_ref x = ((const struct ht_who_site *)a)->ref, y = ((const struct ht_who_site *)b)->ref;
    return x < y ? -1 : x > y;
}

static int take_owners(struct ht_who *w, struct ht_who_sites *out, struct ht_profile *p,
                       const struct ht_regex *re, const struct ht_wrappers *list)
{
    struct ht_owners owners = {0};
    const struct ht_owners_options how = {.value = 3, .list = list};
    int err = ht_owners_find(&owners, p, &how);
    if (!err)
        err = copy_owners(w, &owners);
    for (size_t i = 0; !err && i < p->n_samples; i++) {
        size_t at = number_of(&p->samples[i]);
        if (at >= out->n)
            continue;
        uint32_t owner = owners.of_sample[i];
        out->site[at].owner = owner == UINT32_MAX ? (uint32_t)owners.n : owner;
        out->site[at].asked = matches(&p->samples[i], re);
    }
    ht_owners_finish(&owners);
    return err;
}

int ht_who_sites_make(struct ht_who *w, const struct ht_who_options *o, struct ht_who_sites *out,
                      char *msg, size_t msg_size)
{
    struct maker m = {.view = &w->look.region.view, .out = out};
    struct ht_regex *re = NULL;
    struct ht_profile *p = NULL;
    struct ht_wrappers *list = NULL;
    *out = (struct ht_who_sites){0};
    int err = ht_regex_create(&re, o->site, "--who", msg, msg_size);
    if (!err)
        list = ht_wrappers_create(NULL, &err, msg, msg_size);
    if (list)
        p = read_profile(&m, &err, msg, msg_size);
    if (p)
        err = o->name(o->name_ctx, p);
    if (p && !err)
        err = ht_profile_remove_uninteresting(p, msg, msg_size);
    if (p && !err)
        err = take_owners(w, out, p, re, list);
    for (size_t i = 0; !err && i < out->n; i++)
        if (out->site[i].owner == UINT32_MAX)
            out->site[i].owner = (uint32_t)w->n_owners - 1;
    if (!err && out->n)
        qsort(out->site, out->n, sizeof *out->site, by_ref);
    ht_profile_destroy(p);
    ht_wrappers_destroy(list);
    ht_regex_destroy(re);
    return err;
}

void ht_who_sites_free(struct ht_who_sites *s)
{
    free(s->site);
    *s = (struct ht_who_sites){0};
}

const struct ht_who_site *ht_who_site_find(const struct ht_who_sites *s, ht_ref ref)
{
    size_t low = 0, high = s->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->site[middle].ref < ref)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->n && s->site[low].ref == ref ? &s->site[low] : NULL;
}

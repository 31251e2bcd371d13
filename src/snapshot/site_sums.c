/* SPDX-License-Identifier: MIT */
/* The sums are streamed as the parts of their sites. */
#include "config.h"

#include "snapshot/site_sums.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "region/stream.h"
#include "util/buffer.h"

bool ht_site_sums_add(struct ht_site_sums *s, ht_ref site, const struct ht_values *values)
{
    if (s->n == s->room) {
        size_t room = s->room ? 2 * s->room : 64;
        struct ht_site_sum *more = reallocarray(s->list, room, sizeof *more);
        if (!more)
            return false;
        s->list = more;
        s->room = room;
    }
    s->list[s->n++] = (struct ht_site_sum){site, *values};
    return true;
}

void ht_site_sums_finish(struct ht_site_sums *s)
{
    free(s->list);
    *s = (struct ht_site_sums){0};
}

static int by_site(const void *a, const void *b)
{
    const ht_ref x = ((const struct ht_site_sum *)a)->site,
                 y = ((const struct ht_site_sum *)b)->site;
    return x < y ? -1 : x > y;
}

/* Each site once. */
static void add_up(struct ht_site_sums *s)
{
    if (!s->n)
        return;
    qsort(s->list, s->n, sizeof *s->list, by_site);
    size_t n = 0;
    for (size_t i = 1; i < s->n; i++) {
        if (s->list[i].site != s->list[n].site) {
            s->list[++n] = s->list[i];
            continue;
        }
        struct ht_values *to = &s->list[n].values, *from = &s->list[i].values;
        to->alloc_objects += from->alloc_objects;
        to->alloc_bytes += from->alloc_bytes;
        to->inuse_objects += from->inuse_objects;
        to->inuse_bytes += from->inuse_bytes;
    }
    s->n = n + 1;
}

static bool part_of(void *ctx, ht_ref ref, const struct ht_site *site, uint32_t index,
                    struct ht_stream_part *out)
{
    const struct ht_site_sums *s = ctx;
    const struct ht_site_sum key = {.site = ref};
    const struct ht_site_sum *found =
        index || !s->n ? NULL : bsearch(&key, s->list, s->n, sizeof *s->list, by_site);
    if (found)
        out->values = found->values;
    return found;
}

struct ht_profile *ht_site_sums_profile(struct ht_site_sums *s, const struct ht_region *r, int *err,
                                        char *msg, size_t msg_size)
{
    struct ht_profile *p = NULL;
    struct ht_buffer b = {0};
    struct ht_stream_workspace *w = malloc(sizeof *w);
    const struct ht_stream_options o = {
        .part = part_of, .ctx = s, .mappings_alone = s->mappings, .without_dead = true};
    int64_t n = -ENOMEM;
    add_up(s);
    if (w)
        n = ht_stream_profile(&r->view, &o, w, ht_buffer_append, &b);
    *err = n < 0 ? (int)n : 0;
    if (n >= 0)
        p = ht_profile_decode(b.data, b.size, err, msg, msg_size);
    else
        snprintf(msg, msg_size, "%s", strerror(-*err));
    free(b.data);
    free(w);
    return p;
}

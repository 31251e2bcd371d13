/* SPDX-License-Identifier: MIT */
/* The records of mappings, summed up by site, and streamed as a profile. */
#include "config.h"

#include "snapshot/mappings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "region/stream.h"
#include "util/buffer.h"

struct sum {
    ht_ref site;
    struct ht_values values;
};

struct sums {
    struct sum *list; /* by site */
    size_t n, room;
};

bool ht_region_has_mappings(const struct ht_region *r)
{
    return atomic_load(&r->view.header->flags) & HT_REGION_MAPPINGS;
}

static bool append(struct sums *s, const struct sum *one)
{
    if (s->n == s->room) {
        size_t room = s->room ? 2 * s->room : 64;
        struct sum *more = reallocarray(s->list, room, sizeof *more);
        if (!more)
            return false;
        s->list = more;
        s->room = room;
    }
    s->list[s->n++] = *one;
    return true;
}

static int by_site(const void *a, const void *b)
{
    const ht_ref x = ((const struct sum *)a)->site, y = ((const struct sum *)b)->site;
    return x < y ? -1 : x > y;
}

static bool collect(struct sums *s, const struct ht_view *v, ht_mapping_look_fn look, void *ctx)
{
    struct ht_cursor c = {.kind = HT_KIND_MAPPING};
    const struct ht_live *record;
    struct ht_live l;
    while ((record = ht_view_next(v, &c))) {
        uint64_t mapped = 0, resident = 0;
        if (!ht_view_live(record, &l) || l.size > 1ull << 56)
            continue;
        look(ctx, l.addr, l.addr + l.size, &mapped, &resident);
        const struct sum one = {l.site, {1, (int64_t)mapped, 1, (int64_t)resident}};
        if (mapped && !append(s, &one))
            return false;
    }
    if (!s->n)
        return true;
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
    return true;
}

static bool part_of(void *ctx, ht_ref ref, const struct ht_site *site, uint32_t index,
                    struct ht_stream_part *out)
{
    const struct sums *s = ctx;
    const struct sum key = {.site = ref};
    const struct sum *found =
        index || !s->n ? NULL : bsearch(&key, s->list, s->n, sizeof *s->list, by_site);
    if (found)
        out->values = found->values;
    return found;
}

struct ht_profile *ht_region_mappings(const struct ht_region *r, ht_mapping_look_fn look, void *ctx,
                                      int *err, char *msg, size_t msg_size)
{
    struct ht_profile *p = NULL;
    struct ht_buffer b = {0};
    struct sums sums = {0};
    struct ht_stream_workspace *w = malloc(sizeof *w);
    const struct ht_stream_options o = {
        .part = part_of, .ctx = &sums, .mappings_alone = true, .without_dead = true};
    int64_t n = -ENOMEM;
    if (w && collect(&sums, &r->view, look, ctx))
        n = ht_stream_profile(&r->view, &o, w, ht_buffer_append, &b);
    *err = n < 0 ? (int)n : 0;
    if (n >= 0)
        p = ht_profile_decode(b.data, b.size, err, msg, msg_size);
    else
        snprintf(msg, msg_size, "%s", strerror(-*err));
    free(b.data);
    free(w);
    free(sums.list);
    return p;
}

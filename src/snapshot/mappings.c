/* SPDX-License-Identifier: MIT */
/* The records of mappings are summed up by site. */
#include "config.h"

#include "snapshot/mappings.h"

#include <errno.h>
#include <stdio.h>

#include "snapshot/site_sums.h"

bool ht_region_has_mappings(const struct ht_region *r)
{
    return atomic_load(&r->view.header->flags) & HT_REGION_MAPPINGS;
}

static bool collect(struct ht_site_sums *s, const struct ht_view *v, ht_mapping_look_fn look,
                    void *ctx)
{
    struct ht_cursor c = {.kind = HT_KIND_MAPPING};
    const struct ht_live *record;
    struct ht_live l;
    while ((record = ht_view_next(v, &c))) {
        uint64_t mapped = 0, resident = 0;
        if (!ht_view_live(record, &l) || l.size > 1ull << 56)
            continue;
        look(ctx, l.addr, l.addr + l.size, &mapped, &resident);
        const struct ht_values one = {1, (int64_t)mapped, 1, (int64_t)resident};
        if (mapped && !ht_site_sums_add(s, l.site, &one))
            return false;
    }
    return true;
}

struct ht_profile *ht_region_mappings(const struct ht_region *r, ht_mapping_look_fn look, void *ctx,
                                      int *err, char *msg, size_t msg_size)
{
    struct ht_site_sums sums = {.mappings = true};
    struct ht_profile *p = NULL;
    *err = -ENOMEM;
    snprintf(msg, msg_size, "out of memory");
    if (collect(&sums, &r->view, look, ctx))
        p = ht_site_sums_profile(&sums, r, err, msg, msg_size);
    ht_site_sums_finish(&sums);
    return p;
}

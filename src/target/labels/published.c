/* SPDX-License-Identifier: MIT */
/* Code that the sources of published labels share. */
#include "config.h"

#include "target/labels/published.h"

#include "target/labels/custom_labels.h"
#include "target/labels/otel.h"
#include "target/labels/own.h"
#include "target/os/loader.h"
#include "target/state/state.h"

_Atomic uint32_t ht_published;

/* Any key: "thread" may be set and published as the others. */
static bool wanted(void)
{
    return ht_config.n_labels != 0;
}

void ht_published_start(void)
{
    const struct r_debug *list = wanted() ? ht_loader() : NULL;
    bool found = false;
    if (wanted())
        ht_own_labels_start();
    for (const struct link_map *l = list ? list->r_map : NULL; l; l = l->l_next) {
        found |= ht_otel_find(l);
        found |= ht_custom_labels_find(l, l == list->r_map);
    }
    atomic_store_explicit(&ht_published, found, memory_order_relaxed);
}

void ht_published_named(uint64_t at, const char *name, uint64_t caller)
{
    if (ht_state && wanted() && ht_otel_named(at, name, caller))
        atomic_store_explicit(&ht_published, 1, memory_order_relaxed);
}

void ht_published_labels(struct ht_label_values *v, struct ht_label_room *room)
{
    ht_otel_labels(v, room);
    ht_custom_labels(v, room);
}

/* SPDX-License-Identifier: MIT */
/* Puts together what the sources of labels say of the calling thread; the first one that has
 * something to say of a key counts. */
#include "config.h"

#include "target/labels/labels.h"

#include "target/labels/own.h"
#include "target/labels/published.h"
#include "target/labels/thread_name.h"
#include "target/labels/values.h"
#include "target/tables/label_sets.h"

/* name: the set of the thread's name, or 0. */
static uint32_t number_of(const struct ht_label_values *v, uint32_t name)
{
    unsigned char text[HT_LABEL_TEXT];
    uint32_t size = 0, n = 0;
    for (uint32_t i = 0; i < ht_config.n_labels; i++) {
        const struct ht_label_key *key = &ht_config.labels[i];
        struct ht_label_pair label = {key->text, v->value[i], key->size, v->size[i]};
        if (!(v->found & 1u << i)) {
            const struct ht_label_set *set =
                i + 1 == ht_config.thread_label ? ht_label_set_at(name) : NULL;
            uint32_t at = 0;
            if (!set || !ht_label_next(set->text, set->size, &at, &label))
                continue;
        }
        n += ht_label_add(text, &size, &label);
    }
    return ht_label_set_intern(text, size, n);
}

static __attribute__((noinline)) uint32_t with_values(uint32_t name)
{
    struct ht_label_values v = {0};
    struct ht_label_room room;
    room.used = 0;
    ht_own_labels(&v);
    if (atomic_load_explicit(&ht_published, memory_order_relaxed))
        ht_published_labels(&v, &room);
    /* Of a name that found no room the set says nothing: it has all keys. */
    return v.found && name != HT_LABELS_OTHER ? number_of(&v, name) : name;
}

uint32_t ht_labels_gather(void)
{
    const uint32_t name = ht_config.thread_label ? ht_thread_name_set() : 0;
    const bool more =
        ht_tls.label_cell || atomic_load_explicit(&ht_published, memory_order_relaxed);
    const uint32_t number = more ? with_values(name) : name;
    if (HT_UNLIKELY(number == HT_LABELS_OTHER))
        ht_count(&ht_state->header->labels_other, 1);
    return number;
}

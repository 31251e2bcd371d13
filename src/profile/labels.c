/* SPDX-License-Identifier: MIT */
/* Sorts a sample's labels, so that equal sets are equal arrays. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/store.h"

struct slot {
    struct ht_label label;
    size_t at;
};

static int by_kind_and_key(const struct ht_label *a, const struct ht_label *b)
{
    if (!a->str != !b->str)
        return a->str ? -1 : 1;
    return strcmp(a->key, b->key);
}

static int by_place(const void *va, const void *vb)
{
    const struct slot *a = va, *b = vb;
    int c = by_kind_and_key(&a->label, &b->label);
    return c ? c : (a->at > b->at) - (a->at < b->at);
}

int ht_labels_sort(struct ht_label *labels, size_t n)
{
    size_t i = 1;
    while (i < n && by_kind_and_key(&labels[i - 1], &labels[i]) <= 0)
        i++;
    if (i >= n)
        return 0;
    struct slot *slots = malloc(n * sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    for (i = 0; i < n; i++)
        slots[i] = (struct slot){labels[i], i};
    qsort(slots, n, sizeof(*slots), by_place);
    for (i = 0; i < n; i++)
        labels[i] = slots[i].label;
    free(slots);
    return 0;
}

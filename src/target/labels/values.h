/* SPDX-License-Identifier: MIT */
/* The values that a sample's labels get, by the number of their key in ht_config.labels. */
#ifndef HEAPTAP_SRC_TARGET_LABELS_VALUES_H
#define HEAPTAP_SRC_TARGET_LABELS_VALUES_H

#include <stdint.h>
#include <string.h>

#include "region/labels.h"
#include "target/state/state.h"

struct ht_label_values {
    uint32_t found; /* bits: a source has said something of the key, perhaps that it has no value */
    uint8_t size[HT_LABELS];
    const char *value[HT_LABELS];
};

/* The number of a key in ht_config.labels; -1: it was not asked for. */
static inline int ht_label_key_number(const char *key, size_t n)
{
    for (uint32_t i = 0; i < ht_config.n_labels; i++)
        if (ht_config.labels[i].size == n && !memcmp(ht_config.labels[i].text, key, n))
            return (int)i;
    return -1;
}

/* Values that are copied, for what they were in may change. */
struct ht_label_room {
    char text[768];
    uint32_t used;
};

#endif

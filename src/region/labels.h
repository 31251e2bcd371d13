/* SPDX-License-Identifier: MIT */
/*
 * Label sets of a region: what sites with struct ht_site.labels say besides their stack, such as
 * the name of the thread. Reading them; and the rule by which the names of threads are folded,
 * which the target half and the readers share.
 */
#ifndef HEAPTAP_SRC_REGION_LABELS_H
#define HEAPTAP_SRC_REGION_LABELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "region/view.h"

/* Limits of a set: labels, bytes of a key and of a value, bytes of all of it. */
#define HT_LABELS      8u
#define HT_LABEL_KEY   64u
#define HT_LABEL_VALUE 126u
#define HT_LABEL_TEXT  512u

/* The number of the set that stands for all for which there was no room. */
#define HT_LABELS_OTHER HT_LABEL_SETS

/* A set, in a DATA chunk; written before the reference to it, and never changed. Of each label the
 * sizes of its key and its value, a byte each, and then both, without a NUL. */
struct ht_label_set {
    uint32_t hash;
    uint16_t n, size; /* labels; bytes of text */
    unsigned char text[];
};

struct ht_label_pair {
    const char *key, *value;
    uint8_t key_size, value_size;
};

/* The label at *at, which moves behind it; false at the end of the text and where it is damaged. */
bool ht_label_next(const unsigned char *text, uint32_t size, uint32_t *at,
                   struct ht_label_pair *out);

/* The labels of a set, at most HT_LABELS; 0 when it is damaged or newer than the view. They point
 * into the view. */
unsigned ht_view_labels(const struct ht_view *v, uint32_t number, struct ht_label_pair *out);

/* The bytes, at most `most`, of a text of n bytes that are kept: not a part of a character. */
uint32_t ht_label_cut(const char *text, uint32_t n, uint32_t most);

/* "worker-12" as "worker-#": a label must not have a value for each thread. */
void ht_thread_fold_name(const char *name, char *out, size_t size);

/* The next key of a list that is separated by commas; *list moves behind it. NULL: the end. An
 * empty one has length 0. */
const char *ht_label_key_next(const char **list, size_t *n);

/* Whether such a list is 1 to HT_LABELS different keys, each of 1 to HT_LABEL_KEY letters, digits
 * and . _ - / :, and none of those that a profile has another use for (bytes, age, rate). */
bool ht_label_keys_valid(const char *list);

#endif

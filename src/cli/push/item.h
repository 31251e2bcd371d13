/* SPDX-License-Identifier: MIT */
/*
 * What is sent: a profile and what it is of, as one block of bytes that is the same in memory and
 * in a file of the buffer:
 *
 *   heaptap-push 1 FROM UNTIL SERVICE\n   seconds since 1970
 *   KEY=VALUE\n                           for each label
 *   \n
 *   the profile, gzipped
 */
#ifndef HEAPTAP_SRC_CLI_PUSH_ITEM_H
#define HEAPTAP_SRC_CLI_PUSH_ITEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HT_PUSH_LABELS = 32 };

struct ht_push_label {
    const char *key, *value;
};

/* The strings are the owner's, or in `text`. */
struct ht_push_item {
    int64_t from, until; /* seconds since 1970 */
    const char *service;
    struct ht_push_label labels[HT_PUSH_LABELS];
    size_t n_labels;
    const void *profile;
    size_t profile_size;
    char *text; /* of an item that was decoded: to be freed */
};

/* Whether a store takes this name for a label: a letter or _ and then letters, digits and _; not
 * with __ in front, which stores keep for themselves. */
bool ht_push_key_is_valid(const char *key, size_t n);

/* Replaces what has a meaning in "name{key=value,...}", and everything that is not printable ASCII,
 * by _. */
void ht_push_plain(char *value);

/* The same for a service's name, in which Pyroscope allows letters, digits, and _ . / - */
void ht_push_plain_service(char *name);

/* 0 with a block to be freed, or -ENOMEM. */
int ht_push_item_encode(const struct ht_push_item *item, void **data, size_t *size);

/* The profile of `item` points into data. 0 with item->text to be freed, -ENOMEM, or -EINVAL for
 * what no ht_push_item_encode made. */
int ht_push_item_decode(const void *data, size_t size, struct ht_push_item *item);

#endif

/* SPDX-License-Identifier: MIT */
/* Names of functions that allocate for their callers: the list in wrappers.txt and what users add.
 */
#ifndef HEAPTAP_SRC_OWNERS_WRAPPERS_H
#define HEAPTAP_SRC_OWNERS_WRAPPERS_H

#include <stddef.h>

struct ht_wrappers;

enum ht_wrapper_rule {
    HT_WRAPPER_UNKNOWN, /* no line of the list fits: its behaviour decides */
    HT_WRAPPER,
    HT_NO_WRAPPER,
};

/* The built-in list, and the lines of a file behind it ("" or NULL: none). NULL with one line in
 * msg: the file cannot be read, or memory is short. *err gets -errno; -EINVAL: a line in it cannot
 * be used. */
struct ht_wrappers *ht_wrappers_create(const char *file, int *err, char *msg, size_t msg_size);
void ht_wrappers_destroy(struct ht_wrappers *w);

/* What the list says of a function, by its name as reports show it and its symbol; the last line
 * that fits holds. */
enum ht_wrapper_rule ht_wrappers_ask(const struct ht_wrappers *w, const char *name,
                                     const char *symbol);

/* Frames in which a program or a thread starts, outside of its own code. */
int ht_wrappers_is_start(const char *name);

/* The text of wrappers.txt, with its size; embedded at build time. */
extern const char ht_wrappers_text[];
extern const size_t ht_wrappers_text_size;

#endif

/* SPDX-License-Identifier: MIT */
/* A profile as the web page reads it: JSON of a prefix tree of frames. docs/web.md has the format.
 */
#ifndef HEAPTAP_SRC_SERVE_WEBDATA_H
#define HEAPTAP_SRC_SERVE_WEBDATA_H

#include <stddef.h>
#include <stdio.h>

#include "serve/fold.h"

struct ht_profile;

/*
 * Writes the profile as JSON that can be put inside an HTML script element: no '<', '>' or '&' in
 * it, only valid UTF-8. owners: where each stack's owner stands; uses the marks of p's locations. 0
 * or -errno (-ENOMEM); after a failure the output is incomplete.
 */
int ht_web_data(FILE *out, struct ht_profile *p, const char *title, bool owners);

/* The same, with a frame of its own for each place of a function whose location is marked: its
 * column "code" has the mark less 1, that of other frames -1. */
int ht_web_code_data(FILE *out, struct ht_profile *p, const char *title, const char *function);

/*
 * The same of the widest frames, root first and leaf first (serve/fold.h), of one profile or of two
 * that are compared. root_first.folded is false where no frame had to go: then ht_web_data is to be
 * called. 0 or -ENOMEM. first: the column of the profile's first sample type.
 */
struct ht_web_folded {
    struct ht_fold_frames *frames;
    struct ht_fold_tree root_first, leaf_first;
    struct ht_web_builder *builder;
};
int ht_web_folded_begin(struct ht_web_folded *w, struct ht_profile *p, struct ht_profile *before,
                        uint32_t budget, double pixel);
void ht_web_folded_write(FILE *out, const struct ht_web_folded *w, struct ht_profile *p,
                         size_t first, const char *title);
void ht_web_folded_finish(struct ht_web_folded *w);

/* escape.c: one JSON string with its quotes, escaped as above; invalid UTF-8 becomes U+FFFD. */
void ht_web_json_string(FILE *out, const char *s);

/* escape.c: text of an HTML document or attribute, escaped. */
void ht_web_html_text(FILE *out, const char *s);

#endif

/* SPDX-License-Identifier: MIT */
/* A sample's labels as lines of text, one a key, sorted as text: as pprof prints its maps. */
#ifndef HEAPTAP_SRC_REPORT_LABEL_TEXT_H
#define HEAPTAP_SRC_REPORT_LABEL_TEXT_H

#include <stdio.h>

#include "profile/profile.h"

struct ht_label_texts {
    char **text;
    size_t n;
};

/* Prints a numeric label's value. */
typedef void (*ht_label_number_fn)(FILE *out, const struct ht_label *l, void *arg);

/* The string labels or the numeric ones: the key in at least so many columns, the values with a
 * space between, and before and after around them. The sample's labels must be sorted, as they are
 * in every profile read. 0 or -ENOMEM; finish either way. */
int ht_label_texts_init(struct ht_label_texts *t, const struct ht_sample *s, bool numeric,
                        int width, const char *before, const char *after, ht_label_number_fn number,
                        void *arg);
void ht_label_texts_finish(struct ht_label_texts *t);

#endif

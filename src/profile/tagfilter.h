/* SPDX-License-Identifier: MIT */
/* One tagfocus or tagignore expression. */
#ifndef HEAPTAP_SRC_PROFILE_TAGFILTER_H
#define HEAPTAP_SRC_PROFILE_TAGFILTER_H

#include "profile/ops.h"

struct ht_tag_filter;

/* "key=" in front limits it to a key. Then a range of numbers ("32kb", ":64kb", "4mb:",
 * "12kb:64mb") or regular expressions with commas between: without a key all of them must match
 * some "key:value", with a key any of them. The units must outlive the filter. */
int ht_tag_filter_create(struct ht_tag_filter **out, const char *text, const char *what,
                         const struct ht_label_unit *units, size_t n_units, char *msg,
                         size_t msg_size);
void ht_tag_filter_destroy(struct ht_tag_filter *f);
bool ht_tag_filter_match(const struct ht_tag_filter *f, const struct ht_sample *s);

#endif

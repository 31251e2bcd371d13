/* SPDX-License-Identifier: MIT */
/* A profile as the web page reads it: JSON of a prefix tree of frames. docs/web.md has the format.
 */
#ifndef HEAPTAP_SRC_SERVE_WEBDATA_H
#define HEAPTAP_SRC_SERVE_WEBDATA_H

#include <stddef.h>
#include <stdio.h>

struct ht_profile;

/*
 * Writes the profile as JSON that may stand inside an HTML script element: no '<', '>' or '&' in
 * it, only valid UTF-8. 0 or -errno (-ENOMEM); what was written before a failure is no use.
 */
int ht_web_data(FILE *out, struct ht_profile *p, const char *title);

/* One JSON string with its quotes, escaped as above; invalid UTF-8 becomes U+FFFD. */
void ht_web_json_string(FILE *out, const char *s);

/* Text of an HTML document or attribute, escaped. */
void ht_web_html_text(FILE *out, const char *s);

#endif

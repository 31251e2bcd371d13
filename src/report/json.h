/* SPDX-License-Identifier: MIT */
/* Reports as JSON; docs/json.md has the fields. */
#ifndef HEAPTAP_SRC_REPORT_JSON_H
#define HEAPTAP_SRC_REPORT_JSON_H

#include <stdio.h>

#include "report/context.h"
#include "util/jansson.h"

/* A string value; bytes that are not UTF-8 become U+FFFD. */
json_t *ht_json_text(const char *s);

/* What all reports say: profile, sample type, total, filters. */
json_t *ht_json_header(struct ht_report *r, const char *report);

/* name, function, file, line, address, object. */
json_t *ht_json_site(struct ht_report *r, struct ht_graph_node *n);

/* name, function, file, line, address, object, flat, cum and their percentages. */
json_t *ht_json_node(struct ht_report *r, struct ht_graph_node *n);

/* A sample's labels: key, value and, of a number, unit. */
json_t *ht_json_labels(const struct ht_sample *s);

/* Writes root, releases it. 0 or -errno. */
int ht_json_write(FILE *out, json_t *root);

/* "rows" of top, with callers and callees for tree and peek. */
int ht_json_rows(FILE *out, struct ht_report *r, const char *report, bool with_edges);
/* "nodes" and "edges". */
int ht_json_graph(FILE *out, struct ht_report *r);

#endif

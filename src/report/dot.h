/* SPDX-License-Identifier: MIT */
/* The parts dot's output is made of. */
#ifndef HEAPTAP_SRC_REPORT_DOT_H
#define HEAPTAP_SRC_REPORT_DOT_H

#include <stdbool.h>
#include <stdio.h>

#include "report/context.h"

/* dot_escape.c: quotes and backslashes escaped, line ends turned into graphviz's left-justified
 * ones. */
void ht_dot_escape(FILE *out, const char *s);

/* dot_name.c: a frame's name broken over lines, without package path or namespaces. */
void ht_dot_node_name(FILE *out, const struct ht_graph_node_info *info);

/* dot_tags.c: the boxes of a node's labels; false when there are none. */
bool ht_dot_nodelets(FILE *out, struct ht_report *r, struct ht_graph_node *n, size_t id);

#endif

/* SPDX-License-Identifier: MIT */
/* graphviz's dot, as a program beside ours. */
#ifndef HEAPTAP_SRC_REPORT_GRAPHVIZ_H
#define HEAPTAP_SRC_REPORT_GRAPHVIZ_H

#include <stdio.h>

/*
 * Lays the graph in a temporary file out, from its beginning, and writes dot's output of a format
 * ("svg", "plain") to out. seconds: of processor time that dot may take, 0 for any. 0 or -errno:
 * -ENOENT when there is no dot, -EIO when it failed. Any thread.
 */
int ht_graphviz_run(FILE *graph, FILE *out, const char *format, unsigned seconds);

#endif

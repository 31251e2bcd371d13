/* SPDX-License-Identifier: MIT */
/* The first part of every report: resolves options, computes the total, filters and aggregates
 * the samples. */
#ifndef HEAPTAP_SRC_REPORT_CONTEXT_H
#define HEAPTAP_SRC_REPORT_CONTEXT_H

#include <stdint.h>
#include <stdio.h>

#include "evidence/sampling.h"
#include "profile/regex.h"
#include "report/graph.h"
#include "report/report.h"

enum ht_report_kind {
    HT_REPORT_TOP,
    HT_REPORT_TREE,
    HT_REPORT_PEEK,
    HT_REPORT_LIST,
    HT_REPORT_DOT,
    HT_REPORT_FOLDED,
    HT_REPORT_SIZES,
    HT_REPORT_TAGS,
    HT_REPORT_OWNERS,
    HT_REPORT_TRACES,
    HT_REPORT_RAW,
};

struct ht_report_intervals {
    bool on;
    double confidence;
    struct ht_sampling sampling;
    double samples; /* objects sampled, of all samples; below 0: not known yet */
    char why[128];  /* no intervals */
};

struct ht_report {
    enum ht_report_kind kind;
    struct ht_profile *p;
    struct ht_report_options o; /* with the report's own defaults filled in */
    size_t index;               /* of the sample type */
    char sample_type[128];
    const char *sample_unit;
    const char *output_unit;
    int64_t total; /* of all samples, before filters; percentages are of it */
    struct ht_regex *symbol;
    struct ht_label_unit *label_units;
    size_t n_label_units;
    struct ht_report_intervals intervals;
    struct ht_graph graph;
    size_t n_before_top, dropped_nodes, dropped_edges;
};

/* 0 or -errno with a line in o->msg. finish after success only. */
int ht_report_begin(struct ht_report *r, enum ht_report_kind kind, struct ht_profile *p,
                    const struct ht_report_options *o);
void ht_report_finish(struct ht_report *r);

/* Builds r->graph: whole, or trimmed by the options and sorted, with the output unit chosen. */
int ht_report_whole_graph(struct ht_report *r);
int ht_report_trimmed_graph(struct ht_report *r);

/* Writes the line to o->msg and returns err. */
int ht_report_fail(const struct ht_report *r, int err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The name of a function in that binary: dim where it is not the program's own. */
void ht_report_name(const struct ht_report *r, FILE *out, const char *name, const char *object);

#define HT_VALUE_MAX 96

/* A value in the report's unit. Returns buf. */
const char *ht_report_value(const struct ht_report *r, int64_t v, char buf[HT_VALUE_MAX]);
/* |v| as a percentage of total, six columns. Returns buf. */
const char *ht_report_percent(int64_t v, int64_t total, char buf[HT_VALUE_MAX]);
/* The same without its leading spaces. */
const char *ht_report_percent_trimmed(int64_t v, int64_t total, char buf[HT_VALUE_MAX]);

static inline int64_t ht_flat(const struct ht_graph_node *n)
{
    return ht_div_value(n->flat, n->flat_div);
}

static inline int64_t ht_cum(const struct ht_graph_node *n)
{
    return ht_div_value(n->cum, n->cum_div);
}

/* labels.c: the lines above a report, as strings to free with ht_labels_finish. */
struct ht_labels {
    char **line;
    size_t n;
};
int ht_labels_profile(struct ht_labels *l, const struct ht_report *r);
/* The lines about r->graph; `full` also for drawings, whose legend has them all. */
int ht_labels_report(struct ht_labels *l, const struct ht_report *r, size_t dropped_edges,
                     bool full);
void ht_labels_finish(struct ht_labels *l);
void ht_labels_print(const struct ht_labels *l, FILE *out);

/* labels.c: the file name of mapping[0], as a string to free; NULL when it has none. */
char *ht_report_title(const struct ht_profile *p);

#endif

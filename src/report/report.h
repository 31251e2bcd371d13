/* SPDX-License-Identifier: MIT */
/*
 * Reports: a profile as text, graph or JSON, figure for figure what `go tool pprof` prints.
 *
 * A report consumes its profile: filters and aggregation are applied in place, so a caller that
 * wants a second report gives each its own copy. The sources, the symbols and --base have been
 * dealt with before (see cli/report/load.h).
 */
#ifndef HEAPTAP_SRC_REPORT_REPORT_H
#define HEAPTAP_SRC_REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "profile/ops.h"
#include "profile/profile.h"

/* Strings are borrowed; NULL and "" both mean "not given". */
struct ht_report_options {
    const char *sample_index; /* a name or a number; the profile's default when not given */
    const char *focus, *ignore, *hide, *show, *show_from, *prune_from;
    const char *tagfocus, *tagignore, *tagshow, *taghide;
    const char *tagroot, *tagleaf; /* labels as frames: keys with a comma between */
    const char *by;                /* one row a value of these labels, in place of stacks */
    const char *unit;              /* "minimum" (one unit for all), "auto", or a unit */
    const char *source_path, *trim_path;
    const char *symbol; /* the regex of peek and list */
    enum ht_granularity granularity;
    int nodecount; /* -1: the report's own default; 0: all */
    double nodefraction, edgefraction, divide_by;
    bool cum, no_inlines, mean, drop_negative, relative_percentages, compact_labels, no_trim;
    bool json;
    bool intervals;    /* text: a column beside flat and cum; JSON has them where there are any */
    double confidence; /* of the intervals: 0.95 */
    /* owners: add a line with the rate that would give the first owner within 10 % */
    bool advise;
    bool all;             /* diff: also changes that may be chance */
    const char *wrappers; /* owners: a file of more names (owners/wrappers.h) */
    bool no_wrappers;     /* owners: nothing is passed over */
    bool one_line;        /* the heading in one line, for a terminal */
    /* When set: called around the names of functions that are not the program's own. */
    void (*dim)(FILE *out, bool on);
    bool growth; /* of a difference: largest growth first, shrinkage last */
    /* Where one line about a failure goes; may be NULL. */
    char *msg;
    size_t msg_size;
};

/* context.c: the filters among the options. */
struct ht_filter ht_report_filter(const struct ht_report_options *o);

/* context.c: pprof's defaults. */
void ht_report_options_init(struct ht_report_options *o);

/*
 * Every report returns 0, or -errno with a line in o->msg: -EINVAL for a regex or sample_index
 * that cannot be used, -ENOENT when peek or list match nothing, -ENODATA without sample types.
 * text.c has top, tree.c tree and peek, list.c list, dot.c dot.
 */
int ht_report_top(FILE *out, struct ht_profile *p, const struct ht_report_options *o);
int ht_report_tree(FILE *out, struct ht_profile *p, const struct ht_report_options *o);
int ht_report_peek(FILE *out, struct ht_profile *p, const struct ht_report_options *o);
int ht_report_list(FILE *out, struct ht_profile *p, const struct ht_report_options *o);
int ht_report_dot(FILE *out, struct ht_profile *p, const struct ht_report_options *o);

/* The label with the number, from 0, of the profile that a sample of a comparison comes from. */
#define HT_COMPARED_RUN "heaptap::run"

/* The sources of a profile whose samples have that label. */
struct ht_compared {
    size_t n_before, n_after;       /* profiles a side, numbered in this order */
    double before_rate, after_rate; /* bytes from sample to sample */
    /* two moments of one process: its counters separate births from deaths */
    bool same_process;
    /* but sites were folded in between, and their counters began at zero again: they do not */
    bool folded;
    double seconds; /* between the two moments */
    /* one more profile follows the others: of what is alive now, the part that was alive then */
    bool survivors;
};

/* diff.c: what changed between the sides, and which changes are more than chance. -ENODATA with a
 * line in o->msg when the profile does not record how it was sampled. */
int ht_report_diff(FILE *out, struct ht_profile *p, const struct ht_report_options *o,
                   const struct ht_compared *c);

/* labels.c: a time as pprof writes it, "Jan 2, 2026 at 3:04pm (UTC)"; with `seconds`, so that two
 * times of one minute differ. False: the time cannot be represented. */
bool ht_report_time(int64_t nanos, bool seconds, char *text, size_t size);

/* context.c: adds the frames of tagroot and tagleaf, or replaces stacks by those of `by`. The
 * reports call it. 0 or -errno with a line in o->msg; for a label that no sample has, prints a line
 * on stderr. */
int ht_report_label_frames(struct ht_profile *p, const struct ht_report_options *o);

/* labels.c: only the lines above a report, with the profile's program and time. */
int ht_report_heading(FILE *out, struct ht_profile *p, const struct ht_report_options *o);

/* folded.c: one line a stack, root first, frames joined by ';', then the value: what flamegraph.pl
 * and speedscope read. */
int ht_report_folded(FILE *out, struct ht_profile *p, const struct ht_report_options *o);

/* owners.c: the functions for which memory was allocated: in each stack the first function that is
 * no allocation wrapper. */
int ht_report_owners(FILE *out, struct ht_profile *p, const struct ht_report_options *o);

/* tags.c: the weight of each value of each label. */
int ht_report_tags(FILE *out, struct ht_profile *p, const struct ht_report_options *o);

/* sizes.c: the objects of each site by size, from the numeric label "bytes". */
int ht_report_sizes(FILE *out, struct ht_profile *p, const struct ht_report_options *o);

/* traces.c: every sample with its labels and stack. raw.c: the whole profile as pprof dumps it. */
int ht_report_traces(FILE *out, struct ht_profile *p, const struct ht_report_options *o);
int ht_report_raw(FILE *out, struct ht_profile *p, const struct ht_report_options *o);

/* graphviz.c: dot's output laid out by graphviz; format is "svg" or "png". -ENOENT when graphviz is
 * missing. */
int ht_report_graphviz(FILE *out, struct ht_profile *p, const struct ht_report_options *o,
                       const char *format);

#endif

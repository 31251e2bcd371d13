/* SPDX-License-Identifier: MIT */
/* The reports by name, for the commands and for the shell. */
#ifndef HEAPTAP_SRC_CLI_REPORT_REPORTS_H
#define HEAPTAP_SRC_CLI_REPORT_REPORTS_H

#include <stdbool.h>

#include "cli/report/options.h"

struct ht_report_command {
    const char *name;
    int (*run)(FILE *out, struct ht_profile *p, const struct ht_report_args *a);
    bool takes_regex;  /* the first argument is not a source */
    bool binary;       /* its output is not for a terminal */
    const char *usage; /* printed after "usage: heaptap " */
    bool compact;      /* shows single samples; those with all values 0 are left out, as by pprof */
    bool words;        /* text for people: control characters in names are replaced */
};

/* NULL when there is none of that name. */
const struct ht_report_command *ht_report_command_find(const char *name);
const struct ht_report_command *ht_report_command_at(unsigned i);

/* When every value of the sample type is 0, as for a program that freed everything, prints a
 * line that names a sample type with values. */
void ht_report_hint(const struct ht_profile *p, const struct ht_report_args *a);

/* Where standard output is a terminal and the report goes there: each figure in the unit that suits
 * it, a heading of one line, libraries' functions dim, and a pager. */
void ht_report_for_terminal(const struct ht_report_command *c, struct ht_report_args *a);

/* Runs one into a->output; p is used up but not destroyed. Prints the line on failure; returns
 * the exit status. */
int ht_report_command_run(const struct ht_report_command *c, struct ht_profile *p,
                          const struct ht_report_args *a);

#endif

/* SPDX-License-Identifier: MIT */
/* The reports by name, for the commands and for the shell. */
#ifndef HEAPTAP_SRC_CLI_REPORT_REPORTS_H
#define HEAPTAP_SRC_CLI_REPORT_REPORTS_H

#include <stdbool.h>

#include "cli/report/options.h"

struct ht_report_command {
    const char *name;
    int (*run)(FILE *out, struct ht_profile *p, const struct ht_report_args *a);
    bool takes_regex;  /* a first word that is no source */
    bool binary;       /* not for a terminal */
    const char *usage; /* behind "usage: heaptap " */
    bool compact;      /* shows single samples: those of nothing are left out, as pprof does */
    bool words;        /* a text for people, in which names are made harmless to terminals */
};

/* NULL when there is none of that name. */
const struct ht_report_command *ht_report_command_find(const char *name);
const struct ht_report_command *ht_report_command_at(unsigned i);

/* Where all that a report shows is 0, as of a program that freed what it had, one line says which
 * sample type is not. */
void ht_report_hint(const struct ht_profile *p, const struct ht_report_args *a);

/* Runs one into a->output; p is used up but not destroyed. Prints the line on failure; returns
 * the exit status. */
int ht_report_command_run(const struct ht_report_command *c, struct ht_profile *p,
                          const struct ht_report_args *a);

#endif

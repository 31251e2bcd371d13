/* SPDX-License-Identifier: MIT */
/* The options all reports share, read in this one place: the command line's and the shell's. */
#ifndef HEAPTAP_SRC_CLI_REPORT_OPTIONS_H
#define HEAPTAP_SRC_CLI_REPORT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "report/report.h"
#include "symbolize/symbolize.h"

struct ht_report_args {
    struct ht_report_options report;
    const char *output;   /* -o */
    const char **sources; /* in order given; owned here, the strings are argv's */
    const char **bases;   /* --base or --diff_base, which may be repeated */
    size_t n_sources, n_bases;
    const char *binary; /* given in front of the profiles (cli/source/binary.h), or NULL */
    const struct ht_compared *compared; /* diff: what its profile is made of */
    bool diff_base, normalize;
    bool sizes;
    bool full;       /* flame: frames that are too narrow to be seen, too */
    bool compact;    /* a single source too is put through merge, which drops what is of no use */
    bool no_symbols; /* --symbolize=none */
    const char *http;
    const char *min_age, *max_age; /* of live objects, on a process or a region */
    bool ages;
    struct ht_symbolize_options symbolize;
    char msg[512]; /* report.msg points here */
};

void ht_report_args_init(struct ht_report_args *a);
void ht_report_args_finish(struct ht_report_args *a);

/*
 * Reads argv[1..] into a. Returns 0 to go on, 1 when --help was printed, -EINVAL when an argument
 * cannot be used (a line has been printed). usage is what follows "usage: heaptap ".
 */
int ht_report_args_parse(struct ht_report_args *a, int argc, char **argv, const char *usage);

/* Sets one option by name, as the shell's "name=value" does; value NULL: a bare name. The strings
 * must outlive a. 0, -ENOENT (no such option) or -EINVAL with a line in msg. */
int ht_report_args_set(struct ht_report_args *a, const char *name, const char *value, char *msg,
                       size_t msg_size);

/* The i-th option's name and help, NULL at the end; for help and completion. */
const char *ht_report_option_name(size_t i, const char **help);
/* Its value as text into buf. */
const char *ht_report_option_value(const struct ht_report_args *a, size_t i, char *buf,
                                   size_t size);

void ht_report_options_help(FILE *out);

#endif

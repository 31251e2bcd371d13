/* SPDX-License-Identifier: MIT */
/* The options of `heaptap run`, checked. */
#ifndef HEAPTAP_SRC_CLI_RUN_OPTIONS_H
#define HEAPTAP_SRC_CLI_RUN_OPTIONS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/* Texts are the values of the environment variables; NULL leaves a variable as it is. */
struct ht_run_options {
    const char *output, *rate, *signal, *interval, *growth, *depth, *unwind, *start;
    uint64_t rate_bytes; /* 0: from the environment, and not known */
    char allocator[PATH_MAX];
    bool peak, no_children, quiet, no_symbolize;
};

/* Reads argv[1..] up to the program, whose place goes to *first. -1 to go on, else the exit status. */
int ht_run_options_read(struct ht_run_options *o, int argc, char **argv, int *first);

#endif

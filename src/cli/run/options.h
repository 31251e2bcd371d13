/* SPDX-License-Identifier: MIT */
/* The options of `heaptap run` and `heaptap env`, checked. */
#ifndef HEAPTAP_SRC_CLI_RUN_OPTIONS_H
#define HEAPTAP_SRC_CLI_RUN_OPTIONS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

enum ht_env_form { HT_ENV_SHELL, HT_ENV_SYSTEMD, HT_ENV_DOCKER, HT_ENV_KUBERNETES };

/* Texts are the values of the environment variables; NULL leaves a variable as it is. */
struct ht_run_options {
    const char *output, *rate, *signal, *interval, *growth, *depth, *unwind, *start, *labels;
    uint64_t rate_bytes; /* 0: from the environment, and not known */
    char allocator[PATH_MAX];
    bool peak, no_peak, mmap, no_children, merge_children, each_child, quiet, no_symbolize;
    bool leaks;               /* look for leaks at the end of each process */
    int leak_exit_code;       /* instead of 0 where some are found; 0: none */
    const char *suppressions; /* a file; NULL: none */
    bool is_env;              /* the options are env's; the rest is for env alone */
    enum ht_env_form form;
    const char *container; /* not NULL with HT_ENV_KUBERNETES */
};

struct option;

/* Says what is wrong with an option that getopt_long_only refused by '?' or ':'; word is as it was
 * typed. Returns 2. */
int ht_run_bad_option(int c, const char *word, const struct option *options, const char *command);

/* Reads argv[1..] up to the program, whose place goes to *first. -1 to go on, else the exit status.
 */
int ht_run_options_read(struct ht_run_options *o, int argc, char **argv, int *first);

/* The same for env, whose arguments are options alone. */
int ht_env_options_read(struct ht_run_options *o, int argc, char **argv);

#endif

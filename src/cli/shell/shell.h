/* SPDX-License-Identifier: MIT */
/* The interactive prompt: one loaded profile, and pprof's words over copies of it. */
#ifndef HEAPTAP_SRC_CLI_SHELL_SHELL_H
#define HEAPTAP_SRC_CLI_SHELL_SHELL_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/report/options.h"
#include "profile/profile.h"

struct ht_shell {
    struct ht_profile *profile; /* never changed; reports get copies */
    struct ht_report_args args; /* what name=value set */
    char **strings;             /* the values' memory, until the end */
    size_t n_strings;
    bool failed; /* a word could not be carried out */
};

/* Carries out one line; false at quit. */
bool ht_shell_line(struct ht_shell *s, const char *line);

/* help.c: about all words, or one. */
void ht_shell_help(const struct ht_shell *s, const char *word);
void ht_shell_options(const struct ht_shell *s);
/* The i-th word a line may begin with, NULL at the end: reports, own words. */
const char *ht_shell_word(size_t i, const char **help);

/* input.c: a line to free, NULL at the end. With a terminal there is editing, history and
 * completion; a script's lines are read as they are. */
void ht_shell_input_start(struct ht_shell *s);
char *ht_shell_input(void);
void ht_shell_input_stop(void);

#endif

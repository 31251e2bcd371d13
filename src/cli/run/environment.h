/* SPDX-License-Identifier: MIT */
/* The environment variables of a profiled program, made from the options of run. */
#ifndef HEAPTAP_SRC_CLI_RUN_ENVIRONMENT_H
#define HEAPTAP_SRC_CLI_RUN_ENVIRONMENT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "cli/run/options.h"

struct ht_variable {
    const char *name, *value; /* owned by the options or the struct below */
};

struct ht_environment {
    struct ht_variable variables[16];
    size_t n;
    char library[PATH_MAX];     /* as ht_library_find gives it */
    char preload[2 * PATH_MAX]; /* LD_PRELOAD */
    char pattern[PATH_MAX];     /* HEAPTAP_OUTPUT, absolute */
    char *asan;                 /* ASAN_OPTIONS; NULL: they stay as they are */
};

/*
 * Fills e for a program that inherits this process's environment: LD_PRELOAD and ASAN_OPTIONS are
 * extended, HEAPTAP_OUTPUT is used, and a relative pattern is below cwd. Returns 0, or the exit
 * status after a complaint. ht_environment_finish follows in either case.
 */
int ht_environment_inherit(struct ht_environment *e, const struct ht_run_options *o,
                           const char *cwd);

/*
 * Fills e for a program that something else starts: a service, a container. `preload` is the
 * library's path there, NULL for its path here; the pattern must be absolute or absent. As above.
 */
int ht_environment_elsewhere(struct ht_environment *e, const struct ht_run_options *o,
                             const char *preload);

/* Says in one line which HEAPTAP_ variables are not heaptap's: the library would pass over them. */
void ht_environment_say_unknown(void);

void ht_environment_finish(struct ht_environment *e);

#endif

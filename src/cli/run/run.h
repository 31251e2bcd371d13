/* SPDX-License-Identifier: MIT */
/* `heaptap run` for other commands that run a program under it. */
#ifndef HEAPTAP_SRC_CLI_RUN_RUN_H
#define HEAPTAP_SRC_CLI_RUN_RUN_H

#include <sys/types.h>

/* cmd_run.c: as ht_cmd_run. *root becomes the program's pid; 0: it was not started. */
int ht_run_with_root(int argc, char **argv, pid_t *root);

#endif

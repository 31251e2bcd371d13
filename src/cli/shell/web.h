/* SPDX-License-Identifier: MIT */
/* The shell's command `web`. */
#ifndef HEAPTAP_SRC_CLI_SHELL_WEB_H
#define HEAPTAP_SRC_CLI_SHELL_WEB_H

#include "cli/report/options.h"

/* Writes the flame graph to path (NULL: a file in the temporary directory) and prints where it is.
 * With show, opens it in a browser if there is one. False after a complaint on standard error. */
bool ht_shell_web(const struct ht_profile *p, const struct ht_report_args *a, const char *path,
                  bool show);

#endif

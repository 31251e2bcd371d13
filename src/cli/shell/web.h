/* SPDX-License-Identifier: MIT */
#ifndef HEAPTAP_SRC_CLI_SHELL_WEB_H
#define HEAPTAP_SRC_CLI_SHELL_WEB_H

#include "cli/report/options.h"

/* Writes the flame graph to path (a file in the temporary directory when NULL) and says where;
 * with show, opens it in a browser when there is one. False after a complaint. */
bool ht_shell_web(const struct ht_profile *p, const struct ht_report_args *a, const char *path,
                  bool show);

#endif

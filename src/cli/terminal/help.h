/* SPDX-License-Identifier: MIT */
/* What --help prints. */
#ifndef HEAPTAP_SRC_CLI_TERMINAL_HELP_H
#define HEAPTAP_SRC_CLI_TERMINAL_HELP_H

/* Writes a text to standard output. On a terminal that is narrower, paragraphs and the explanations
 * of options are filled again; commands to type stay whole. Not thread-safe. */
void ht_help_print(const char *text);

#endif

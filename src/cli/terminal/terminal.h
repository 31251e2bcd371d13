/* SPDX-License-Identifier: MIT */
/* What standard output is: a terminal is given more than a pipe or a file. Not thread-safe. */
#ifndef HEAPTAP_SRC_CLI_TERMINAL_TERMINAL_H
#define HEAPTAP_SRC_CLI_TERMINAL_TERMINAL_H

#include <stdbool.h>

/* True when standard output is a terminal. */
bool ht_terminal(void);

/* True when it also shows colours: not with NO_COLOR, TERM=dumb or without TERM. */
bool ht_terminal_colour(void);

/* Its width in characters; 80 when that is not known. */
int ht_terminal_columns(void);

/* From now on the answers are those of this moment: a pager comes between. */
void ht_terminal_remember(void);

#endif

/* SPDX-License-Identifier: MIT */
/* A pager behind standard output, as git has it. */
#ifndef HEAPTAP_SRC_CLI_TERMINAL_PAGER_H
#define HEAPTAP_SRC_CLI_TERMINAL_PAGER_H

#include <stdbool.h>

/*
 * Where standard output is a terminal, sends what is printed from now on through HEAPTAP_PAGER,
 * PAGER or less: less with the options -FRX unless LESS is set, so that a text that fits on the
 * screen is just printed. None with an empty variable, with cat, and with TERM=dumb. Not
 * thread-safe; does nothing when a pager runs already.
 */
void ht_pager_start(void);

/* Waits until the user has left the pager. True when there was one: what could not be written is
 * then no error, for the user did not want it. */
bool ht_pager_finish(void);

#endif

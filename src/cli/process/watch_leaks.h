/* SPDX-License-Identifier: MIT */
/* The key of `watch` that looks for leaks. */
#ifndef HEAPTAP_SRC_CLI_PROCESS_WATCH_LEAKS_H
#define HEAPTAP_SRC_CLI_PROCESS_WATCH_LEAKS_H

#include <stdbool.h>
#include <sys/types.h>

/* Looks through the process's memory, with progress in the last line of the screen; a key ends it.
 * Then shows what leaked, on the whole screen, until a key is pressed. False: that was q, or input
 * has ended. */
bool ht_watch_leaks(pid_t pid, int rows, int columns);

#endif

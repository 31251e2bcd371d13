/* SPDX-License-Identifier: MIT */
/* Seccomp filters that the program will inherit, a container's mostly. */
#ifndef HEAPTAP_SRC_CLI_RUN_FILTERS_H
#define HEAPTAP_SRC_CLI_RUN_FILTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * When this process is under filters, tries what the library calls in a child of its own. `number`
 * gets how many filters there are, as text, when none of the calls is fatal; else "". The library
 * takes HEAPTAP_SECCOMP=number as said of exactly so many.
 */
void ht_filters_try(char *number, size_t size);

/* True when a process, alive or not yet waited for, is under a filter that this process is not
 * under. */
bool ht_filters_its_own(pid_t pid);

#endif

/* SPDX-License-Identifier: MIT */
/* Seccomp filters that the program will inherit, mostly a container's. */
#ifndef HEAPTAP_SRC_CLI_RUN_FILTERS_H
#define HEAPTAP_SRC_CLI_RUN_FILTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * When this process is under filters, makes the library's calls in a child. `number` gets the
 * number of filters as text when none of the calls is fatal, else "". The library takes
 * HEAPTAP_SECCOMP=number as a statement about exactly this number of filters.
 */
void ht_filters_try(char *number, size_t size);

/* True when a process, alive or not yet waited for, is under a filter that this process is not
 * under. */
bool ht_filters_its_own(pid_t pid);

#endif

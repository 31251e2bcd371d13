/* SPDX-License-Identifier: MIT */
/* A program of somebody else's beside ours: graphviz's dot, binutils' objdump. */
#ifndef HEAPTAP_SRC_UTIL_BESIDE_H
#define HEAPTAP_SRC_UTIL_BESIDE_H

#include <stdio.h>

/*
 * Runs argv[0], found in PATH, to its end: its standard input is a temporary file, from its
 * beginning (NULL: nothing), and what it prints goes to out. seconds: of processor time that it may
 * take, 0 for any. 0 or -errno: -ENOENT when there is no such program, -EIO when it failed. Any
 * thread.
 */
int ht_run_beside(char *const argv[], FILE *in, FILE *out, unsigned seconds);

#endif

/* SPDX-License-Identifier: MIT */
/* The library that is preloaded: where it is on this machine. */
#ifndef HEAPTAP_SRC_CLI_RUN_LIBRARY_H
#define HEAPTAP_SRC_CLI_RUN_LIBRARY_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Writes the absolute path of libheaptap.so: beside this executable (a build directory), in the
 * library directory that was installed with it, wherever that tree is now, or in the library
 * directory of the build. False when it is in none of them.
 */
bool ht_library_locate(char path[PATH_MAX]);

/* The same. 0, or the exit status after a complaint. */
int ht_library_find(char path[PATH_MAX]);

/*
 * LD_PRELOAD cannot hold a path with ':' or ' '. Replaces such a path by one through a link to the
 * library's directory, /dev/shm/heaptap-UID/lib-HASH. The link stays until the system ends, because
 * programs that were started with it may start others. False: no link could be made, and the path
 * is unchanged.
 */
bool ht_library_spell(char path[PATH_MAX]);

/*
 * Replaces the library's path by one with $LIB in it, if that is installed. The loader of a 32-bit
 * child then finds an empty library (src/abi), and does not print that it cannot preload this one.
 */
void ht_library_for_both_abis(char path[PATH_MAX]);

#endif

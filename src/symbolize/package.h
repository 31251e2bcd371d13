/* SPDX-License-Identifier: MIT */
/* Which package a file came in, where the system's packages are Debian's or RPM's. */
#ifndef HEAPTAP_SRC_SYMBOLIZE_PACKAGE_H
#define HEAPTAP_SRC_SYMBOLIZE_PACKAGE_H

#include <stdbool.h>
#include <stddef.h>

/* What to type for the symbols of a file, as one clause: "apt install git-dbgsym (Debian's debug
 * archive)", and a server that has them. False when no package is known to hold the file. Reads
 * dpkg's lists of files, some 20 MB, then asks the command rpm, 5 seconds at most; the last answer
 * is kept. Not thread-safe. */
bool ht_package_advice(const char *path, char *out, size_t size);

#endif

/* SPDX-License-Identifier: MIT */
/* Which package a file came in, where the system's package database is dpkg's. */
#ifndef HEAPTAP_SRC_SYMBOLIZE_PACKAGE_H
#define HEAPTAP_SRC_SYMBOLIZE_PACKAGE_H

#include <stdbool.h>
#include <stddef.h>

/* The package's name into out; false when none is known to hold the file. Reads the database's
 * lists of files, some 20 MB. */
bool ht_package_of(const char *path, char *out, size_t size);

#endif

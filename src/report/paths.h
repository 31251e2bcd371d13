/* SPDX-License-Identifier: MIT */
/* File names as reports show them. */
#ifndef HEAPTAP_SRC_REPORT_PATHS_H
#define HEAPTAP_SRC_REPORT_PATHS_H

/* Shortest equal path: no "//", "/./", "x/..". A new string to free; NULL: out of memory. */
char *ht_path_clean(const char *path);

/* The last element, "." for an empty path. A new string to free; NULL: out of memory. */
char *ht_path_base(const char *path);

/*
 * The part of path behind the first prefix of trim (a ':' list) that fits. Without trim, behind
 * the base name of a directory of search, where that occurs in path. Points into path.
 */
const char *ht_path_trim(const char *path, const char *trim, const char *search);

#endif

/* SPDX-License-Identifier: MIT */
/* Text inside of an HTML file, in less room: gzipped, and that as base64. */
#ifndef HEAPTAP_SRC_SERVE_PACKED_H
#define HEAPTAP_SRC_SERVE_PACKED_H

#include <stdio.h>

/* A stream for the text, which goes to out packed; fclose writes the rest, and fails where memory
 * or out did. NULL with errno. */
FILE *ht_packed_open(FILE *out);

#endif

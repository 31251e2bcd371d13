/* SPDX-License-Identifier: MIT */
/* Answers compressed for clients that accept it. */
#ifndef HEAPTAP_SRC_SERVE_COMPRESS_H
#define HEAPTAP_SRC_SERVE_COMPRESS_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a header Accept-Encoding allows gzip; NULL is none. Any thread. */
bool ht_accepts_gzip(const char *header);

/* The body gzipped, to be freed; NULL where it is to be sent as it is: too short to gain, of a type
 * that is compressed already, or no memory. Any thread. */
void *ht_gzip(const char *type, const void *data, size_t size, size_t *packed);

#endif

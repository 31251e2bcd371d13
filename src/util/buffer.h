/* SPDX-License-Identifier: MIT */
/* Bytes that are appended to: a profile that is written before it is known where it goes. */
#ifndef HEAPTAP_SRC_UTIL_BUFFER_H
#define HEAPTAP_SRC_UTIL_BUFFER_H

#include <stddef.h>

/* All zero: empty. The owner frees `data`. No thread may append while another uses it. */
struct ht_buffer {
    unsigned char *data;
    size_t size, room; /* in bytes: what is there, and what is allocated */
};

/* Appends `size` bytes of `data` to `sink`, a struct ht_buffer: a sink of ht_stream_profile. 0, or
 * -ENOMEM with the buffer as it was. */
int ht_buffer_append(void *sink, const void *data, size_t size);

#endif

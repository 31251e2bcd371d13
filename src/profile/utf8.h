/* SPDX-License-Identifier: MIT */
#ifndef HEAPTAP_SRC_PROFILE_UTF8_H
#define HEAPTAP_SRC_PROFILE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Whether n bytes are UTF-8 without NUL; *bad is the offset of the first byte that is not. */
bool ht_utf8_valid(const char *s, size_t n, size_t *bad);

#endif

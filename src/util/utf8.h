/* SPDX-License-Identifier: MIT */
#ifndef HEAPTAP_SRC_UTIL_UTF8_H
#define HEAPTAP_SRC_UTIL_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Whether n bytes are UTF-8 without NUL; *bad is the offset of the first byte that is not. */
bool ht_utf8_valid(const char *s, size_t n, size_t *bad);

/*
 * Names come from whoever made a profile, a region or a program, and must not reach a terminal as
 * commands: control characters, those of C1 too (U+0080 to U+009F, of which some terminals take
 * U+009B as ESC [), become '?'. The state goes over the pieces of one text; zero begins it.
 */
struct ht_plain {
    unsigned char lead, left;
};
unsigned char ht_plain_byte(struct ht_plain *state, unsigned char c);

/* A whole text in place; with `lines`, line ends and tabs stay. */
void ht_plain_text(char *text, bool lines);

#endif

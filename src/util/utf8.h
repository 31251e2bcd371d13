/* SPDX-License-Identifier: MIT */
/* UTF-8: checking it, and making any bytes safe for a profile or for a terminal. No allocation; any
 * thread. */
#ifndef HEAPTAP_SRC_UTIL_UTF8_H
#define HEAPTAP_SRC_UTIL_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Whether n bytes are UTF-8 without NUL; *bad is the offset of the first byte that is not. */
bool ht_utf8_valid(const char *s, size_t n, size_t *bad);

/*
 * A string of a profile must be UTF-8, and a path on disk may be any bytes: each byte that is none
 * becomes four characters, \xHH, as C writes it. Cut at the end of out; n bytes of text take at
 * most 4 * n + 1. Returns the length.
 */
size_t ht_utf8_escape(const char *text, size_t n, char *out, size_t size);

/* The path that such a text may stand for, in place. False when there is no \xHH of a byte above
 * 0x7f in it. A text that holds these characters itself looks the same: try that first. */
bool ht_utf8_unescape(char *text);

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

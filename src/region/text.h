/* SPDX-License-Identifier: MIT */
/* Building short texts in a caller's buffer: no stdio, no allocation, always terminated. */
#ifndef HEAPTAP_SRC_REGION_TEXT_H
#define HEAPTAP_SRC_REGION_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct ht_text {
    char *at, *end; /* *end is the place of the last NUL */
    int cut;        /* something did not fit */
};

static inline struct ht_text ht_text(char *buf, size_t n)
{
    *buf = 0;
    return (struct ht_text){buf, buf + n - 1, 0};
}

static inline void ht_text_char(struct ht_text *t, char c)
{
    if (t->at == t->end) {
        t->cut = 1;
        return;
    }
    *t->at++ = c;
    *t->at = 0;
}

static inline void ht_text_string(struct ht_text *t, const char *s)
{
    while (*s)
        ht_text_char(t, *s++);
}

static inline void ht_text_padded(struct ht_text *t, uint64_t n, int width)
{
    char digits[24];
    int i = sizeof digits;
    digits[--i] = 0;
    do
        digits[--i] = (char)('0' + n % 10), width--;
    while ((n /= 10) || width > 0);
    ht_text_string(t, digits + i);
}

static inline void ht_text_number(struct ht_text *t, uint64_t n)
{
    ht_text_padded(t, n, 1);
}

#endif

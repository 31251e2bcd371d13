/* SPDX-License-Identifier: MIT */
/* Sequences as the Unicode standard has them: no overlong forms, no surrogates, no NUL. */
#include "config.h"

#include "util/utf8.h"

#include <stdint.h>
#include <string.h>

/* Length of the sequence at s (RFC 3629: no overlong forms, no surrogates), 0 when it is none. */
static size_t sequence(const uint8_t *s, size_t n)
{
    if (s[0] < 0x80)
        return s[0] != 0;
    size_t len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || n < len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return len;
}

bool ht_utf8_valid(const char *text, size_t n, size_t *bad)
{
    const uint8_t *s = (const uint8_t *)text;
    for (size_t i = 0; i < n;) {
        uint64_t w;
        if (n - i >= 8) {
            memcpy(&w, s + i, 8);
            /* Eight bytes of plain ASCII without NUL. */
            if (!((w | (w - 0x0101010101010101u)) & 0x8080808080808080u)) {
                i += 8;
                continue;
            }
        }
        size_t len = sequence(s + i, n - i);
        if (!len) {
            *bad = i;
            return false;
        }
        i += len;
    }
    return true;
}

unsigned char ht_plain_byte(struct ht_plain *state, unsigned char c)
{
    if (state->left && (c & 0xc0) == 0x80) {
        bool c1 = state->lead == 0xc2 && c < 0xa0;
        state->left--;
        return c1 ? '?' : c;
    }
    state->lead = c;
    state->left = c < 0xc2 || c > 0xf4 ? 0 : c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
    bool control = (c < ' ' && c != '\n' && c != '\t') || c == 127 || (c >= 0x80 && c < 0xa0);
    return control ? '?' : c;
}

void ht_plain_text(char *text, bool lines)
{
    struct ht_plain state = {0};
    for (char *p = text; *p; p++) {
        unsigned char was = (unsigned char)*p;
        *p = (char)ht_plain_byte(&state, was);
        if (was >= 0x80 && *p == '?' && p > text && (unsigned char)p[-1] == 0xc2)
            p[-1] = '?'; /* the text stays UTF-8 */
        if (!lines && (*p == '\n' || *p == '\t'))
            *p = '?';
    }
}

size_t ht_utf8_escape(const char *text, size_t n, char *out, size_t size)
{
    static const char hex[] = "0123456789abcdef";
    size_t k = 0;
    while (n) {
        size_t good = n;
        bool whole = ht_utf8_valid(text, n, &good);
        if (good > size - 1 - k)
            good = size - 1 - k;
        memcpy(out + k, text, good);
        k += good;
        if (whole || size - 1 - k < 4)
            break;
        unsigned char c = (unsigned char)text[good];
        memcpy(out + k, (const char[]){'\\', 'x', hex[c >> 4], hex[c & 15]}, 4);
        k += 4;
        text += good + 1;
        n -= good + 1;
    }
    out[k] = 0;
    return k;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool ht_utf8_unescape(char *text)
{
    char *to = text;
    bool found = false;
    for (const char *c = text; *c; c++) {
        int high = c[0] == '\\' && c[1] == 'x' ? digit(c[2]) : -1,
            low = high < 8 ? -1 : digit(c[3]);
        if (low >= 0) {
            *to++ = (char)(high << 4 | low);
            c += 3;
            found = true;
        } else {
            *to++ = *c;
        }
    }
    *to = 0;
    return found;
}

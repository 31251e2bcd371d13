/* SPDX-License-Identifier: MIT */
/* Every text of a profile is escaped here before it reaches a page. */
#include "config.h"

#include <stdint.h>

#include "serve/webdata.h"

/* Length of the valid UTF-8 sequence at s (Unicode 15, table 3-7), 0 when there is none. */
static int utf8_length(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        return (s[1] & 0xc0) == 0x80 ? 2 : 0;
    if (s[0] >= 0xe0 && s[0] <= 0xef) {
        unsigned char low = s[0] == 0xe0 ? 0xa0 : 0x80, high = s[0] == 0xed ? 0x9f : 0xbf;
        return s[1] >= low && s[1] <= high && (s[2] & 0xc0) == 0x80 ? 3 : 0;
    }
    if (s[0] >= 0xf0 && s[0] <= 0xf4) {
        unsigned char low = s[0] == 0xf0 ? 0x90 : 0x80, high = s[0] == 0xf4 ? 0x8f : 0xbf;
        return s[1] >= low && s[1] <= high && (s[2] & 0xc0) == 0x80 && (s[3] & 0xc0) == 0x80 ? 4
                                                                                             : 0;
    }
    return 0;
}

void ht_web_json_string(FILE *out, const char *s)
{
    const unsigned char *c = (const unsigned char *)s;
    putc('"', out);
    while (*c) {
        int n = utf8_length(c);

        if (n == 0) {
            fputs("\\ufffd", out);
            c++;
            continue;
        }
        /* U+2028 and U+2029 end a line in older JavaScript. */
        if (n == 3 && c[0] == 0xe2 && c[1] == 0x80 && (c[2] & 0xfe) == 0xa8)
            fprintf(out, "\\u202%d", 8 + (c[2] & 1));
        else if (n > 1)
            fwrite(c, 1, (size_t)n, out);
        else if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if (*c < 0x20 || *c == 0x7f || *c == '<' || *c == '>' || *c == '&')
            fprintf(out, "\\u%04x", *c);
        else
            putc(*c, out);
        c += n;
    }
    putc('"', out);
}

void ht_web_html_text(FILE *out, const char *s)
{
    for (const unsigned char *c = (const unsigned char *)s; *c;) {
        int n = utf8_length(c);

        if (n == 0 || (*c < 0x20 && *c != '\t' && *c != '\n')) {
            fputs("\xef\xbf\xbd", out);
            c++;
            continue;
        }
        if (n > 1)
            fwrite(c, 1, (size_t)n, out);
        else if (*c == '<' || *c == '>' || *c == '&' || *c == '"' || *c == '\'')
            fprintf(out, "&#%d;", *c);
        else
            putc(*c, out);
        c += n;
    }
}

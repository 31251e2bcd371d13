/* SPDX-License-Identifier: MIT */
/* A text's lines, one after another, without the space around them. */
#include "config.h"

#include "profile/legacy_lines.h"

#include <ctype.h>
#include <string.h>

bool ht_lines_next(struct ht_lines *in)
{
    if (in->at == in->end)
        return false;
    const char *nl = memchr(in->at, '\n', (size_t)(in->end - in->at));
    in->line = in->at;
    in->line_end = nl ? nl : in->end;
    in->at = nl ? nl + 1 : in->end;
    in->number++;
    while (in->line < in->line_end && isspace((unsigned char)*in->line))
        in->line++;
    while (in->line_end > in->line && isspace((unsigned char)in->line_end[-1]))
        in->line_end--;
    return true;
}

bool ht_lines_next_full(struct ht_lines *in)
{
    while (ht_lines_next(in))
        if (in->line < in->line_end && *in->line != '#')
            return true;
    return false;
}

bool ht_lines_has(const struct ht_lines *in, const char *what)
{
    return memmem(in->line, (size_t)(in->line_end - in->line), what, strlen(what)) != NULL;
}

bool ht_lines_starts(const struct ht_lines *in, const char *what)
{
    size_t n = strlen(what);
    return (size_t)(in->line_end - in->line) >= n && !memcmp(in->line, what, n);
}

/* Regular expression: ^[^][]+:[0-9]+]\s */
const char *ht_lines_message(const struct ht_lines *in)
{
    const char *s = in->line;
    while (s < in->line_end && *s != '[' && *s != ']')
        s++;
    if (s == in->line_end || *s == '[' || s + 1 == in->line_end || !isspace((unsigned char)s[1]))
        return in->line;
    const char *digits = s;
    while (digits > in->line && isdigit((unsigned char)digits[-1]))
        digits--;
    if (digits == s || digits - in->line < 2 || digits[-1] != ':')
        return in->line;
    for (s++; s < in->line_end && isspace((unsigned char)*s); s++)
        ;
    return s;
}

bool ht_lines_at_maps(const struct ht_lines *in)
{
    return ht_lines_has(in, "MAPPED_LIBRARIES:") || ht_lines_has(in, "--- Memory map: ---");
}

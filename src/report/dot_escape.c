/* SPDX-License-Identifier: MIT */
/* Text inside the quotes of graphviz's language. */
#include "config.h"

#include "report/dot.h"

/* Quotes and backslashes escaped, line ends turned into graphviz's left-justified ones. */
void ht_dot_escape(FILE *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '\\' || *s == '"')
            fputc('\\', out);
        if (*s == '\n')
            fputs("\\l", out);
        else
            fputc(*s, out);
    }
}

/* SPDX-License-Identifier: MIT */
/*
 * A paragraph is a line and those below it that begin in its hanging column: that of the
 * explanation behind an option, else that of the text. It is filled again when one of its lines is
 * longer than the terminal is wide.
 */
#include "config.h"

#include "cli/terminal/help.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/terminal/terminal.h"

static size_t length(const char *line)
{
    return strcspn(line, "\n");
}

/* As people count: characters, not bytes. */
static size_t characters(const char *s, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += (s[i] & 0xc0) != 0x80;
    return count;
}

static const char *next_line(const char *line)
{
    line += length(line);
    return *line ? line + 1 : line;
}

static size_t indent_of(const char *line)
{
    return strspn(line, " ");
}

/* Where the explanation begins behind "  --option   "; 0: there is none. */
static size_t explanation(const char *line)
{
    size_t indent = indent_of(line), n = length(line);
    if (!indent || indent == n)
        return 0;
    for (size_t i = indent; i + 2 < n; i++)
        if (line[i] == ' ' && line[i + 1] == ' ')
            return i + strspn(line + i, " ");
    return 0;
}

static size_t hanging_of(const char *line)
{
    size_t at = explanation(line);
    return at ? at : indent_of(line);
}

/* To be typed as it stands, or where nothing can be filled. */
static bool stays(const char *line)
{
    size_t indent = indent_of(line);
    return !length(line) || line[indent] == '$' || !strncmp(line, "usage:", 6) ||
           !strncmp(line + indent, "heaptap ", 8) || !strncmp(line + indent, "eval ", 5);
}

static bool continues(const char *line, size_t hanging)
{
    return length(line) && indent_of(line) == hanging && !explanation(line) && !stays(line);
}

static void put_words(const char *at, const char *end, size_t hanging, size_t columns,
                      size_t *column)
{
    while (at < end) {
        at += strspn(at, " \n");
        size_t n = strcspn(at, " \n"), wide = characters(at, n);
        if (at >= end || !n)
            return;
        if (*column > hanging && *column + 1 + wide > columns) {
            printf("\n%*s", (int)hanging, "");
            *column = hanging;
        } else if (*column > hanging) {
            putchar(' ');
            ++*column;
        }
        printf("%.*s", (int)n, at);
        *column += wide;
        at += n;
    }
}

/* Returns the first line behind it. */
static const char *put_paragraph(const char *line, size_t columns)
{
    size_t hanging = hanging_of(line);
    const char *end = next_line(line);
    bool wide = characters(line, length(line)) > columns;
    if (stays(line)) {
        printf("%.*s", (int)(end - line), line);
        return end;
    }
    for (; *end && continues(end, hanging); end = next_line(end))
        wide |= characters(end, length(end)) > columns;
    if (!wide || hanging + 20 > columns) {
        printf("%.*s", (int)(end - line), line);
        return end;
    }
    size_t column = hanging;
    printf("%.*s", (int)hanging, line);
    put_words(line + hanging, end, hanging, columns, &column);
    putchar('\n');
    return end;
}

void ht_help_print(const char *text)
{
    if (!ht_terminal()) {
        fputs(text, stdout);
        return;
    }
    for (const char *line = text; *line;)
        line = put_paragraph(line, (size_t)ht_terminal_columns());
}

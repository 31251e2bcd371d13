/* SPDX-License-Identifier: MIT */
/* Reads the header file. */
#include "config.h"

#include "cli/push/headers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LINES 16

/* A name of RFC 9110's tokens, and a value without control characters. */
static bool is_header(const char *line)
{
    size_t name = strspn(line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
    if (!name || line[name] != ':')
        return false;
    for (const unsigned char *c = (const unsigned char *)line; *c; c++)
        if (*c < ' ' || *c == 0x7f)
            return false;
    return true;
}

static int add(struct ht_words *headers, const char *line)
{
    char **more = reallocarray(headers->word, headers->n + 1, sizeof *more);
    if (!more)
        return -ENOMEM;
    headers->word = more;
    more[headers->n] = strdup(line);
    return more[headers->n] ? (void)headers->n++, 0 : -ENOMEM;
}

int ht_push_headers_read(const char *path, struct ht_words *headers)
{
    char line[8192];
    FILE *f = fopen(path, "re");
    struct stat st;
    int status = 0;
    if (!f)
        return ht_complain(1, "cannot read the headers of %s: %s", path, strerror(errno));
    if (!fstat(fileno(f), &st) && S_ISREG(st.st_mode) && (st.st_mode & 077))
        ht_complain(0, "others can read %s; chmod 600 keeps it secret", path);
    for (int n = 1; !status && fgets(line, sizeof line, f); n++) {
        line[strcspn(line, "\r\n")] = '\0';
        if (!*line || *line == '#')
            continue;
        if (!is_header(line) || headers->n == LINES)
            status = ht_complain(1, "line %d of %s is no header (NAME: VALUE; at most %d lines)", n,
                                 path, LINES);
        else if (add(headers, line))
            status = ht_complain(1, "out of memory");
    }
    fclose(f);
    return status;
}

void ht_push_headers_finish(struct ht_words *headers)
{
    for (size_t i = 0; i < headers->n; i++)
        free(headers->word[i]);
    ht_words_finish(headers);
}

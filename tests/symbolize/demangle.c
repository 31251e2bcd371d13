/* SPDX-License-Identifier: MIT */
/* demangle MODE: demangles each line of standard input. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbolize/symbolize.h"

int main(int argc, char **argv)
{
    enum ht_demangle mode;
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    if (argc != 2 || ht_demangle_parse(argv[1], &mode))
        return 2;
    while ((n = getline(&line, &cap, stdin)) > 0) {
        line[strcspn(line, "\n")] = 0;
        char *s = ht_demangle(line, mode);
        if (!s)
            return 1;
        puts(s);
        free(s);
    }
    free(line);
    return 0;
}

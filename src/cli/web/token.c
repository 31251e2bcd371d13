/* SPDX-License-Identifier: MIT */
/* The token is the first line of a file; a file that others can read gets a warning. */
#include "config.h"

#include "cli/web/token.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/words.h"

int ht_token_read(const char *path, char token[HT_TOKEN_SIZE])
{
    FILE *f = fopen(path, "re");
    struct stat st;

    if (!f)
        return ht_complain(1, "cannot read the token of %s: %s", path, strerror(errno));
    if (!fgets(token, HT_TOKEN_SIZE, f))
        *token = '\0';
    token[strcspn(token, "\r\n")] = '\0';
    if (!fstat(fileno(f), &st) && S_ISREG(st.st_mode) && (st.st_mode & 077))
        fprintf(stderr, "heaptap: others can read %s; chmod 600 keeps the token secret\n", path);
    fclose(f);
    if (strlen(token) < 8)
        return ht_complain(1, "the token in the first line of %s is shorter than 8 letters", path);
    return 0;
}

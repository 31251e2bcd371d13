/* SPDX-License-Identifier: MIT */
/* Asks the terminal, and the environment by https://no-color.org. */
#include "config.h"

#include "cli/terminal/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static struct {
    bool known, is;
    int columns;
} then;

bool ht_terminal(void)
{
    return then.known ? then.is : isatty(STDOUT_FILENO);
}

bool ht_terminal_colour(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return ht_terminal() && !(no && *no) && term && *term && strcmp(term, "dumb") != 0;
}

int ht_terminal_columns(void)
{
    struct winsize size;
    if (then.known)
        return then.columns;
    return !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col ? size.ws_col : 80;
}

void ht_terminal_remember(void)
{
    then.is = ht_terminal();
    then.columns = ht_terminal_columns();
    then.known = true;
}

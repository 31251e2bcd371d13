/* SPDX-License-Identifier: MIT */
/* Asks the terminal, and the environment by https://no-color.org. */
#include "config.h"

#include "cli/terminal/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool ht_terminal(void)
{
    return isatty(STDOUT_FILENO);
}

bool ht_terminal_colour(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return ht_terminal() && !(no && *no) && term && *term && strcmp(term, "dumb") != 0;
}

int ht_terminal_columns(void)
{
    struct winsize size;
    return !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col ? size.ws_col : 80;
}

/* SPDX-License-Identifier: MIT */
/*
 * Standard output becomes a pipe to the pager's standard input. A signal that ends this command
 * must not leave the pager alone with the terminal: the pipe is closed and the pager waited for
 * first.
 */
#include "config.h"

#include "cli/terminal/pager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/terminal/terminal.h"

static volatile pid_t pager;

static bool is_installed(const char *name)
{
    char path[4096];
    const char *at = getenv("PATH");
    while (at && *at) {
        size_t n = strcspn(at, ":");
        if ((size_t)snprintf(path, sizeof path, "%.*s/%s", (int)n, at, name) < sizeof path && n &&
            !access(path, X_OK))
            return true;
        at += n + (at[n] == ':');
    }
    return false;
}

/* The command line of the pager; NULL: none is wanted. */
static const char *command(void)
{
    const char *term = getenv("TERM"), *wanted = getenv("HEAPTAP_PAGER");
    if (!wanted)
        wanted = getenv("PAGER");
    if (!ht_terminal() || !term || !*term || !strcmp(term, "dumb"))
        return NULL;
    if (!wanted)
        return is_installed("less") ? "less" : NULL;
    return *wanted && strcmp(wanted, "cat") != 0 ? wanted : NULL;
}

static void wait_for_pager(void)
{
    while (waitpid(pager, NULL, 0) < 0 && errno == EINTR)
        ;
}

static void on_signal(int number)
{
    close(STDOUT_FILENO);
    wait_for_pager();
    signal(number, SIG_DFL);
    raise(number);
}

static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

void ht_pager_start(void)
{
    const char *line = pager ? NULL : command();
    int ends[2];
    if (!line || fflush(stdout) || pipe2(ends, O_CLOEXEC))
        return;
    ht_terminal_remember();
    pid_t child = fork();
    if (!child) {
        dup2(ends[0], STDIN_FILENO);
        setenv("LESS", "FRX", 0);
        setenv("LV", "-c", 0);
        execl("/bin/sh", "sh", "-c", line, (char *)NULL);
        _exit(127);
    }
    close(ends[0]);
    if (child > 0 && dup2(ends[1], STDOUT_FILENO) >= 0) {
        pager = child;
        signal(SIGPIPE, SIG_IGN); /* the user may leave before all is written */
        for (size_t i = 0; i < sizeof ending / sizeof *ending; i++)
            signal(ending[i], on_signal);
    }
    close(ends[1]);
}

bool ht_pager_finish(void)
{
    if (!pager)
        return false;
    fflush(stdout);
    close(STDOUT_FILENO);
    wait_for_pager();
    return true;
}

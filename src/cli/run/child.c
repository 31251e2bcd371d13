/* SPDX-License-Identifier: MIT */
/*
 * Forks, executes and waits. The terminal's signals reach the program as without heaptap; signals
 * that are sent to this process alone are passed on; it ends as the program did: with the same exit
 * status, or by the same signal.
 */
#include "config.h"

#include "cli/run/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Taken one by one while the program lives. The stop signals of a terminal keep their effect: job
 * control stops both. */
static void taken_signals(sigset_t *set)
{
    static const int left[] = {SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGSEGV, SIGBUS,
                               SIGFPE,  SIGILL,  SIGTRAP, SIGABRT, SIGSYS};
    sigfillset(set);
    for (size_t i = 0; i < sizeof left / sizeof *left; i++)
        sigdelset(set, left[i]);
}

/* What execvp does, except that execvp would give the shell any binary that the kernel refuses. */
static void exec_shell(const struct ht_child *c)
{
    size_t n = 0;
    while (c->argv[n])
        n++;
    char **argv = calloc(n + 2, sizeof *argv);
    if (!argv)
        return;
    argv[0] = (char *)"sh";
    argv[1] = (char *)c->path;
    memcpy(argv + 2, c->argv + 1, n * sizeof *argv); /* with its NULL */
    execv("/bin/sh", argv);
}

static pid_t start(struct ht_child *c, const sigset_t *mask, const struct sigaction *child,
                   const struct sigaction *xfsz, int *err)
{
    int ends[2], exec_errno = 0;
    if (pipe2(ends, O_CLOEXEC)) {
        *err = -errno;
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        sigaction(SIGCHLD, child, NULL);
        sigaction(SIGXFSZ, xfsz, NULL);
        sigprocmask(SIG_SETMASK, mask, NULL);
        if (c->prepare)
            c->prepare(c->ctx, getpid());
        execv(c->path, c->argv);
        exec_errno = errno;
        if (errno == ENOEXEC && c->shell)
            exec_shell(c);
        _exit(write(ends[1], &exec_errno, sizeof exec_errno) < 0 ? 126 : 127);
    }
    *err = -errno;
    close(ends[1]);
    if (pid > 0 && read(ends[0], &exec_errno, sizeof exec_errno) == sizeof exec_errno) {
        waitpid(pid, NULL, 0);
        *err = -exec_errno;
        pid = -1;
    }
    close(ends[0]);
    return pid;
}

static void handle(const struct ht_child *c, const siginfo_t *info)
{
    /* A signal of the terminal has reached the program too; one that was sent by kill(2) is
     * meant for the program. */
    if (info->si_code != SI_KERNEL && info->si_signo != SIGCHLD && info->si_pid != *c->started)
        kill(*c->started, info->si_signo);
}

static int wait_for(struct ht_child *c, const sigset_t *taken)
{
    struct rusage used = {0};
    /* Early at first, to see short-lived processes. */
    long wait_ms = 50;
    for (;;) {
        int status;
        siginfo_t info = {0};
        struct timespec wait = {wait_ms / 1000, wait_ms % 1000 * 1000000};
        bool traced = c->traced && c->traced(c->ctx);
        if (!traced && c->ended &&
            !waitid(P_PID, (id_t)*c->started, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid)
            c->ended(c->ctx, info.si_pid);
        pid_t got = traced ? 0 : wait4(*c->started, &status, WNOHANG, &used);
        if (!traced)
            c->most_resident = (uint64_t)used.ru_maxrss * 1024;
        if (got == *c->started)
            return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        if (got < 0 && errno != EINTR)
            return -errno;
        if (sigtimedwait(taken, &info, &wait) > 0) {
            handle(c, &info);
            if (c->woken && info.si_signo == SIGCHLD)
                c->woken(c->ctx);
        } else if (errno == EAGAIN) {
            if (c->tick)
                c->tick(c->ctx);
            wait_ms = wait_ms < 1000 / 2 ? 2 * wait_ms : 1000;
        }
    }
}

int ht_child_run(struct ht_child *c)
{
    sigset_t taken, before;
    struct sigaction was, xfsz, plain = {.sa_handler = SIG_DFL};
    /* Beyond a limit on the size of files a write must fail and not end this process. */
    struct sigaction ignored = {.sa_handler = SIG_IGN};
    struct timespec none = {0, 0};
    int err;
    taken_signals(&taken);
    sigprocmask(SIG_BLOCK, &taken, &before);
    /* If SIGCHLD were ignored, as inherited, a child would leave no status. */
    sigaction(SIGCHLD, &plain, &was);
    sigaction(SIGXFSZ, &ignored, &xfsz);
    pid_t pid = start(c, &before, &was, &xfsz, &err);
    if (pid < 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        return err;
    }
    *c->started = pid;
    int status = wait_for(c, &taken);
    sigaction(SIGCHLD, &was, NULL);
    while (sigtimedwait(&taken, NULL, &none) > 0)
        ; /* a signal that ended the program must not end the summary */
    sigprocmask(SIG_SETMASK, &before, NULL);
    return status;
}

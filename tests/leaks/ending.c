/* SPDX-License-Identifier: MIT */
/*
 * ending MODE: leaks five blocks of 1,000 bytes (`lose`) and one structure of 31 (`build`), keeps others, and ends as MODE says.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct node {
    struct node *left, *right;
    char text[40];
};

static void *volatile kept;
static volatile sig_atomic_t signals;

__attribute__((noinline)) static void escape(void *p)
{
    __asm__ volatile("" : : "r"(p) : "memory");
}

__attribute__((noinline)) static void lose(void)
{
    char *p = malloc(1000);
    escape(p);
}

__attribute__((noinline)) static struct node *build(int depth)
{
    struct node *n = malloc(sizeof *n);
    n->left = depth ? build(depth - 1) : NULL;
    n->right = depth ? build(depth - 1) : NULL;
    escape(n);
    return n;
}

__attribute__((noinline)) static void keep(void)
{
    kept = malloc(500);
    escape(kept);
}

__attribute__((noinline)) static void wipe(void)
{
    char below[60000];
    memset(below, 0, sizeof below);
    escape(below);
}

static void *leak(void *mode)
{
    for (int i = 0; i < 5; i++)
        lose();
    build(4);
    wipe();
    return mode;
}

/* In a thread, so that no stack keeps an old pointer. */
static void leak_all(void)
{
    pthread_t t;
    if (pthread_create(&t, NULL, leak, NULL) || pthread_join(t, NULL))
        abort();
}

static void on_signal(int number)
{
    signals += number == SIGALRM;
}

static int ends[2];

/* Has its pointer on its stack alone, and gets signals all the time. */
static void *busy(void *arg)
{
    void *volatile mine = malloc(200);
    char c;
    for (;;)
        if (arg ? !mine : read(ends[0], &c, 1) == 1)
            return mine;
}

static void threads(void)
{
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    const struct itimerspec each = {{0, 1000000}, {0, 1000000}};
    struct sigevent by = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    timer_t timer;
    pthread_t t;
    if (pipe(ends))
        abort();
    sigaction(SIGALRM, &act, NULL);
    if (timer_create(CLOCK_MONOTONIC, &by, &timer) || timer_settime(timer, 0, &each, NULL))
        abort();
    for (long i = 0; i < 8; i++)
        if (pthread_create(&t, NULL, busy, (void *)(i % 4 == 0)))
            abort();
    usleep(20000);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "exit";
    keep();
    if (!strcmp(mode, "none"))
        return 0;
    if (!strcmp(mode, "fork")) { /* the child alone leaks */
        pid_t child = fork();
        if (!child) {
            leak_all();
            exit(0);
        }
        waitpid(child, NULL, 0);
        return 0;
    }
    if (!strcmp(mode, "traced")) { /* by its parent, for good: nobody else may hold its threads */
        pid_t child = fork();
        int status;
        if (!child) {
            ptrace(PTRACE_TRACEME, 0, NULL, NULL);
            leak_all();
            threads();
            exit(0);
        }
        while (waitpid(child, &status, 0) == child && WIFSTOPPED(status))
            ptrace(PTRACE_CONT, child, NULL, WSTOPSIG(status));
        return WEXITSTATUS(status);
    }
    leak_all();
    if (!strcmp(mode, "threads") || !strcmp(mode, "wait"))
        threads();
    while (!strcmp(mode, "wait"))
        pause();
    if (!strcmp(mode, "status"))
        return 7;
    if (!strcmp(mode, "_exit"))
        _exit(0);
    if (!strcmp(mode, "quick"))
        quick_exit(0);
    if (!strcmp(mode, "abort"))
        abort();
    if (!strcmp(mode, "secret"))
        prctl(PR_SET_DUMPABLE, 0);
    if (!strcmp(mode, "exec"))
        execl(argv[0], argv[0], "none", (char *)NULL);
    if (!strcmp(mode, "slow") || !strcmp(mode, "alarm"))
        sleep(2);
    if (!strcmp(mode, "alarm")) /* it is gone before that comes */
        ualarm(300000, 0);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * waits WHAT: threads that wait in ways whose answer is known. Prints a line when they do, and then
 * lives until its standard input ends.
 *   places    sleepers, waiters for a condition, a poller, a reader; main waits, too
 *   circle N  N threads, each with a mutex that the one before wants
 *   many N    N threads in poll
 *   handler   main waits in a signal's handler, above a function that the signal came to
 *   headless  main has ended, a sleeper goes on
 *   count     waits again and again in calls that a stop ends early, and prints how many were
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define N 3

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER, circle[8];
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static int n_circle, interrupted;
static volatile int stop;

__attribute__((noinline)) static void *sleeper(void *arg)
{
    prctl(PR_SET_NAME, "sleeper-7");
    for (;;)
        sleep(1000);
    return arg;
}

__attribute__((noinline)) static void *waiter(void *arg)
{
    prctl(PR_SET_NAME, "waiter");
    pthread_mutex_lock(&held);
    for (;;)
        pthread_cond_wait(&never, &held);
    return arg;
}

__attribute__((noinline)) static void *poller(void *arg)
{
    for (;;)
        poll(NULL, 0, 1000000);
    return arg;
}

__attribute__((noinline)) static void *reader(void *arg)
{
    int fds[2];
    char c;
    if (pipe(fds))
        exit(1);
    while (read(fds[0], &c, 1) >= 0)
        ;
    return arg;
}

static void end_of_input(void)
{
    char c;
    while (read(0, &c, 1) > 0)
        ;
    _exit(0);
}

__attribute__((noinline)) static void *stays(void *arg)
{
    end_of_input();
    return arg;
}

__attribute__((noinline)) static void handler(int number)
{
    char c; /* here, and not by end_of_input: a call's frame would tell this one's */
    while (read(0, &c, 1) > 0)
        interrupted = number;
    _exit(0);
}

__attribute__((noinline)) static void interrupted_here(void)
{
    pause();
    __asm__ volatile("");
}

__attribute__((noinline)) static void *member(void *arg)
{
    int i = (int)(long)arg;
    char name[16];
    snprintf(name, sizeof name, "member-%d", i);
    prctl(PR_SET_NAME, name);
    pthread_mutex_lock(&circle[i]);
    pthread_barrier_wait(&barrier);
    pthread_mutex_lock(&circle[(i + 1) % n_circle]);
    return arg;
}

__attribute__((noinline)) static void *counter(void *arg)
{
    int e = epoll_create1(0);
    struct epoll_event event;
    while (!stop) {
        struct timespec t = {0, 1000000};
        if (epoll_wait(e, &event, 1, 1) < 0 && errno == EINTR)
            __atomic_fetch_add(&interrupted, 1, __ATOMIC_RELAXED);
        if (nanosleep(&t, NULL) < 0 && errno == EINTR)
            __atomic_fetch_add(&interrupted, 1, __ATOMIC_RELAXED);
    }
    return arg;
}

static void start(void *(*run)(void *), long arg)
{
    pthread_t t;
    pthread_attr_t a;
    pthread_attr_init(&a);
    pthread_attr_setstacksize(&a, 65536);
    if (pthread_create(&t, &a, run, (void *)arg))
        exit(1);
}

int main(int argc, char **argv)
{
    char c;
    int n = argc > 2 ? atoi(argv[2]) : 0;
    if (argc < 2)
        return 2;
    if (!strcmp(argv[1], "places")) {
        for (int i = 0; i < N; i++) {
            start(sleeper, 0);
            start(waiter, 0);
        }
        start(poller, 0);
        start(reader, 0);
    } else if (!strcmp(argv[1], "circle")) {
        n_circle = n;
        pthread_barrier_init(&barrier, NULL, (unsigned)n);
        for (int i = 0; i < n; i++)
            pthread_mutex_init(&circle[i], NULL);
        for (int i = 0; i < n; i++)
            start(member, i);
    } else if (!strcmp(argv[1], "many")) {
        for (int i = 0; i < n; i++)
            start(poller, i);
    } else if (!strcmp(argv[1], "count")) {
        for (int i = 0; i < 4; i++)
            start(counter, i);
    } else if (!strcmp(argv[1], "handler")) {
        puts("up");
        fflush(stdout);
        signal(SIGALRM, handler);
        alarm(1);
        interrupted_here();
    } else if (!strcmp(argv[1], "headless")) {
        start(sleeper, 0);
        start(stays, 0);
        puts("up");
        fflush(stdout);
        pthread_exit(NULL);
    } else {
        return 2;
    }
    puts("up");
    fflush(stdout);
    while (read(0, &c, 1) > 0)
        ;
    stop = 1;
    if (!strcmp(argv[1], "count"))
        printf("%d\n", interrupted);
    fflush(stdout);
    _exit(0);
}

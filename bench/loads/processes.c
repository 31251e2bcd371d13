/* SPDX-License-Identifier: MIT */
/* Threads and processes that come and go. */
#include "load.h"

#include <pthread.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *one_block(void *arg)
{
    void *volatile p = malloc(200);
    free(p);
    return arg;
}

void *load_create(void *arg)
{
    for (long i = 0; i < load_rounds; i++) {
        pthread_t t;
        if (pthread_create(&t, NULL, one_block, NULL))
            abort();
        pthread_join(t, NULL);
    }
    return arg;
}

static void wait_for(pid_t p)
{
    int status;
    if (p < 0 || waitpid(p, &status, 0) != p || status)
        abort();
}

/* The program started is bare: what is measured is the profiled parent's fork. */
void *load_spawn(void *arg)
{
    char *argv[] = {(char *)"/bin/true", NULL};
    unsetenv("LD_PRELOAD");
    for (long i = 0; i < load_rounds; i++) {
        pid_t p = fork();
        if (!p) {
            execv(argv[0], argv);
            _exit(127);
        }
        wait_for(p);
    }
    return arg;
}

/* The other way about: a bare parent starts a program in the environment of the command line. */
void *load_start(void *arg)
{
    char *argv[] = {(char *)"/bin/true", NULL};
    for (char **e = load_arguments; *e; e++)
        putenv(*e);
    for (long i = 0; i < load_rounds; i++) {
        pid_t p;
        if (posix_spawn(&p, argv[0], NULL, NULL, argv, environ))
            abort();
        wait_for(p);
    }
    return arg;
}

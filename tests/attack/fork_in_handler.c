/* SPDX-License-Identifier: MIT */
/* A signal handler forks while its thread is inside the allocator; the child returns from the handler
 * and goes on. Both ways to fork in turn. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FORKS = 400 };
static volatile int child, forks, bad;

static void on_alarm(int number)
{
    (void)number;
    int saved = errno, status = 0;
    if (child || forks >= FORKS)
        return;
    pid_t p = forks & 1 ? fork() : _Fork();
    if (!p) {
        child = 1;
    } else {
        forks++;
        while (waitpid(p, &status, 0) < 0 && errno == EINTR)
            ;
        if (status && !bad)
            bad = status;
    }
    errno = saved;
}

int main(void)
{
    struct sigaction a = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &a, NULL);
    struct itimerval t = {{0, 300}, {0, 300}};
    setitimer(ITIMER_REAL, &t, NULL);
    void *blocks[64] = {0};
    int after = 0;
    for (unsigned i = 0; forks < FORKS; i++) {
        unsigned k = (i * 2654435761u) >> 26;
        free(blocks[k]);
        blocks[k] = malloc(16 + i % 977);
        if (i % 7 == 0)
            blocks[k] = realloc(blocks[k], i % 3000 + 1);
        if (child && ++after > 300)
            _exit(0);
    }
    if (bad)
        printf("a child's status is %#x\n", (unsigned)bad);
    return bad != 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * A daemon by the book: forks twice, closes every descriptor, changes to /, gives up root. It tells
 * its pid in a file: becomes_daemon PIDFILE [UID]. Ends by exit(3) on SIGTERM.
 */
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static volatile sig_atomic_t ended;

static void on_term(int number)
{
    (void)number;
    ended = 1;
}

__attribute__((noinline)) static char *before_fork(size_t n)
{
    char *p = malloc(n);
    __asm__ volatile("" ::: "memory");
    return p;
}

__attribute__((noinline)) static char *leak(size_t n)
{
    char *p = malloc(n);
    memset(p, 1, n);
    return p;
}

int main(int argc, char **argv)
{
    uid_t uid = argc > 2 ? (uid_t)atoi(argv[2]) : 0;
    *(char **)before_fork(sizeof(char *)) = before_fork(100000);
    if (fork())
        _exit(0);
    setsid();
    if (fork())
        _exit(0);
    umask(022);
    int file = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0644);
    dprintf(file, "%d\n", (int)getpid());
    if (chdir("/"))
        return 1;
    for (int fd = 0; fd < 1024; fd++)
        close(fd);
    if (uid && (setgroups(0, NULL) || setgid(uid) || setuid(uid)))
        return 1;
    signal(SIGTERM, on_term);
    while (!ended) {
        leak(1000);
        usleep(1000);
    }
    exit(0);
}

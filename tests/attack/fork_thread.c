/* SPDX-License-Identifier: MIT */
/*
 * Threads that are not the first one make children in every way, while others allocate without end:
 * fork_thread DIRECTORY CHILDREN. Each child allocates, frees some of what it has from its parent,
 * and ends in one of four ways. What its profile has to say is in DIRECTORY/truth.PID: a size, and
 * the least and the most of its objects allocated and in use, in each line.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heaptap/heaptap.h"

enum { WORKERS = 3, FORKERS = 2, SLOTS = 200, OWN = 50, WAYS = 6, ENDS = 4 };

extern char **environ;
extern pid_t _Fork(void);

static const char *directory, *self;
static int children;
static atomic_int stop, failed;

/*
 * fork holds the locks of all of glibc's arenas while it copies the process, and gives them back in the
 * child. A child that another thread makes by a bare clone at that moment has them locked for ever, with
 * or without heaptap: fork takes this for reading, clone for writing, and nobody touches it in a child.
 */
static pthread_rwlock_t arenas_locked = PTHREAD_RWLOCK_INITIALIZER;

/* What a worker began and did; a child has it as it was at the fork. */
static struct {
    _Alignas(64) _Atomic long allocating, allocated, freeing, freed;
} of[WORKERS];

static void *work(void *arg)
{
    long me = (long)arg;
    void *slot[SLOTS] = {NULL};
    unsigned random = (unsigned)me + 1;
    while (!stop) {
        random = random * 1664525u + 1013904223u;
        void **s = &slot[(random >> 16) % SLOTS];
        if (*s) {
            of[me].freeing++;
            free(*s);
            of[me].freed++;
        }
        of[me].allocating++;
        *s = malloc(1000 + (size_t)me);
        of[me].allocated++;
    }
    return NULL;
}

static void *short_thread(void *arg)
{
    for (int i = 0; i < 100; i++)
        free(malloc(3100));
    return arg;
}

static void say(int fd, int size, long least, long most, long least_used, long most_used)
{
    char line[200];
    int n = snprintf(line, sizeof line, "%d %ld %ld %ld %ld\n", size, least, most, least_used,
                     most_used);
    if (write(fd, line, (size_t)n) != n)
        _exit(90);
}

static void tell(int number, void **own, bool threads)
{
    char file[300];
    snprintf(file, sizeof file, "%s/truth.%ld", directory, (long)syscall(SYS_getpid));
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0)
        _exit(91);
    for (int i = 0; i < WORKERS; i++) {
        long least = of[i].allocated - of[i].freeing, most = of[i].allocating - of[i].freed;
        say(fd, 1000 + i, least, most, least, most);
    }
    for (int i = 0; i < OWN / 5; i++)
        free(own[i]);
    say(fd, 2000 + number, OWN, OWN, OWN - OWN / 5, OWN - OWN / 5);
    void *kept[100];
    for (int i = 0; i < 100; i++)
        kept[i] = malloc(3000);
    for (int i = 0; i < 50; i++)
        free(kept[i]);
    say(fd, 3000, 100, 100, 50, 50);
    pthread_t t[3];
    for (int i = 0; threads && i < 3; i++)
        if (pthread_create(&t[i], NULL, short_thread, NULL))
            _exit(92);
    for (int i = 0; threads && i < 3; i++)
        pthread_join(t[i], NULL);
    if (threads)
        say(fd, 3100, 300, 300, 0, 0);
    close(fd);
}

/* exit would wait for a lock of libc's that another thread has, but in a child of fork. */
static void end(int way, bool forked)
{
    char file[300];
    if (way == 0 && forked)
        exit(7);
    if (way < 2)
        _exit(7);
    if (way == 2)
        execl(self, self, "image", "7", NULL);
    snprintf(file, sizeof file, "%s/dump.%ld", directory, (long)syscall(SYS_getpid));
    if (heaptap_call_dump(file))
        _exit(93);
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    _exit(94);
}

struct start {
    int number, ending;
    void **own;
};

static int cloned(void *arg)
{
    struct start *s = arg;
    tell(s->number, s->own, false);
    end(s->ending, false);
    return 95;
}

static pid_t made_by_fork(void)
{
    pthread_rwlock_rdlock(&arenas_locked);
    pid_t pid = fork();
    if (pid)
        pthread_rwlock_unlock(&arenas_locked);
    return pid;
}

static pid_t made_by_clone(int way, struct start *s, char *stack)
{
    pthread_rwlock_wrlock(&arenas_locked);
    pid_t pid = way == 1   ? _Fork()
                : way == 2 ? (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)
                           : clone(cloned, stack + 65536, SIGCHLD, s);
    if (pid)
        pthread_rwlock_unlock(&arenas_locked);
    return pid;
}

static pid_t make(int way, struct start *s, char *stack)
{
    char *image[] = {(char *)self, (char *)"image", (char *)"7", NULL};
    pid_t pid = -1;
    if (way == 0)
        pid = made_by_fork();
    else if (way < 4)
        pid = made_by_clone(way, s, stack);
    else if (way == 4)
        return posix_spawn(&pid, self, NULL, NULL, image, environ) ? -1 : pid;
    else if (!(pid = vfork())) {
        execv(self, image);
        _exit(96);
    }
    if (!pid) {
        tell(s->number, s->own, way == 0);
        end(s->ending, way == 0);
    }
    return pid;
}

static void *fork_on(void *arg)
{
    long me = (long)arg;
    void *own[OWN];
    char *stack = malloc(65536);
    for (int i = 0; i < children; i++) {
        struct start s = {(int)me, i / WAYS % ENDS, own};
        for (int k = 0; k < OWN; k++)
            own[k] = malloc(2000 + (size_t)me);
        pid_t pid = make(i % WAYS, &s, stack);
        int status;
        if (pid < 0 || waitpid(pid, &status, 0) != pid ||
            !(WIFEXITED(status) ? WEXITSTATUS(status) == 7
                                : WTERMSIG(status) == SIGKILL && i % WAYS < 4 && s.ending == 3)) {
            fprintf(stderr, "child %d: %#x\n", i, status);
            failed = 1;
        }
        for (int k = 0; k < OWN; k++)
            free(own[k]);
    }
    free(stack);
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    if (!strcmp(argv[1], "image")) {
        for (int i = 0; i < 10; i++)
            free(malloc(500));
        return atoi(argv[2]);
    }
    self = argv[0];
    directory = argv[1];
    children = atoi(argv[2]);
    pthread_t w[WORKERS], f[FORKERS];
    for (long i = 0; i < WORKERS; i++)
        pthread_create(&w[i], NULL, work, (void *)i);
    for (long i = 0; i < FORKERS; i++)
        pthread_create(&f[i], NULL, fork_on, (void *)i);
    for (int i = 0; i < FORKERS; i++)
        pthread_join(f[i], NULL);
    stop = 1;
    for (int i = 0; i < WORKERS; i++)
        pthread_join(w[i], NULL);
    char file[300];
    snprintf(file, sizeof file, "%s/truth.%d", directory, (int)getpid());
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL, 0600);
    for (int i = 0; i < WORKERS; i++)
        say(fd, 1000 + i, of[i].allocated, of[i].allocated, of[i].allocated - of[i].freed,
            of[i].allocated - of[i].freed);
    for (int i = 0; i < FORKERS; i++)
        say(fd, 2000 + i, OWN * children, OWN * children, 0, 0);
    say(fd, 3000, 0, 0, 0, 0);
    close(fd);
    return failed;
}

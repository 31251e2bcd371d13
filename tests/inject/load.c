/* SPDX-License-Identifier: MIT */
/*
 * inject-load OPERATIONS: allocates in every way on three threads, asks for a dump by signal, forks a child that
 * goes on with what it inherited, forks one that shuts itself in, and executes itself, to do some of it
 * again. Prints a checksum of what it stored, and how many blocks it took and left. errno must stay what
 * it was. Does the same with and without the library, every time.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heaptap/heaptap.h"

enum { KEPT = 40 };
static int operations;
static unsigned char *kept[KEPT];

static void *sound(void *p)
{
    if (errno != 77 || !p)
        abort();
    return p;
}

static uint64_t work(uint64_t seed, int n_operations)
{
    unsigned char *slots[64] = {0};
    uint64_t sum = 0;
    for (int i = 0; i < n_operations; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        unsigned k = (seed >> 33) & 63;
        size_t n = (seed >> 40) % 5000 + 1;
        for (size_t b = 0; slots[k] && b < 8; b++)
            sum = sum * 31 + slots[k][0];
        errno = 77;
        if (i % 3 == 0) {
            slots[k] = sound(realloc(slots[k], n));
        } else {
            free(slots[k]);
            void *p = NULL;
            if (i % 3 == 1)
                p = calloc(1, n);
            else if (i % 9 == 2 && posix_memalign(&p, 64, n))
                abort();
            slots[k] = sound(p ? p : malloc(n));
        }
        memset(slots[k], (int)n, n);
    }
    for (int k = 0; k < 64; k++)
        free(slots[k]);
    return sum;
}

static void *thread(void *arg)
{
    *(uint64_t *)arg = work(*(uint64_t *)arg, operations);
    return NULL;
}

static int status_of(pid_t child)
{
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -status;
}

int main(int argc, char **argv)
{
    operations = argc > 1 ? atoi(argv[1]) : 600;
    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc > 2) { /* the second image */
        for (int i = 0; i < KEPT; i++)
            kept[i] = malloc(2000);
        printf("%llx\n", (unsigned long long)work(11, operations));
        return kept[KEPT - 1] ? 5 : 6;
    }
    uint64_t sums[3] = {1, 2, 3};
    pthread_t t[3];
    for (int i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, thread, &sums[i]);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    for (int i = 0; i < KEPT; i++)
        kept[i] = calloc(3, 1000);
    if (heaptap_call_active() == 1) /* else there is no handler */
        raise(SIGUSR1);
    pid_t child = fork();
    if (!child) {
        for (int i = 0; i < KEPT / 2; i++)
            free(kept[i]);
        _exit(work(9, operations) ? 7 : 8);
    }
    int forked = status_of(child);
    child = fork();
    if (!child) { /* in a sandbox from the middle on: a filter that allows everything */
        uint64_t sum = work(10, operations / 2);
        struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        struct sock_fprog filter = {1, &allow};
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0))
            _exit(64);
        _exit((int)((sum + work(12, operations / 2)) & 63));
    }
    printf("%llx %llx %llx %d %d\n", (unsigned long long)sums[0], (unsigned long long)sums[1],
           (unsigned long long)sums[2], forked, status_of(child));
    char *again[] = {argv[0], argc > 1 ? argv[1] : (char *)"600", (char *)"again", NULL};
    const char *output = getenv("HEAPTAP_LOAD_OUTPUT");
    if (output)
        setenv("HEAPTAP_OUTPUT", output, 1);
    execv("/proc/self/exe", again);
    return 9;
}

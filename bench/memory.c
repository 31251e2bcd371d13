/* SPDX-License-Identifier: MIT */
/* memory THREADS MIB [UNTOUCHED]: threads that allocate and stay, a heap of so many MiB in blocks
 * of 1 KiB, one block of so many MiB of zeros that nobody touches; prints the resident KiB of the
 * process: private and shared memory, without files. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_barrier_t all;

static void *thread(void *arg)
{
    for (int i = 0; i < 2000; i++) {
        void *volatile p = malloc(1000);
        free(p);
    }
    pthread_barrier_wait(&all);
    pthread_barrier_wait(&all);
    return arg;
}

int main(int argc, char **argv)
{
    static pthread_t t[4096];
    int n = argc > 1 ? atoi(argv[1]) : 1;
    long mib = argc > 2 ? atol(argv[2]) : 0, resident = 0;
    char line[256];
    pthread_attr_t attr;
    if (n < 1 || n > 4096)
        return 2;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 65536);
    pthread_barrier_init(&all, NULL, (unsigned)n + 1);
    for (int i = 0; i < n; i++)
        if (pthread_create(&t[i], &attr, thread, NULL))
            return 1;
    pthread_barrier_wait(&all);
    for (long i = 0; i < mib * 1024; i++)
        memset(malloc(1000), 1, 1000);
    void *volatile untouched = argc > 3 ? calloc((size_t)atol(argv[3]), 1 << 20) : NULL;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, "RssAnon:", 8) || !strncmp(line, "RssShmem:", 9))
            resident += atol(strchr(line, ':') + 1);
    printf("%ld\n", resident);
    pthread_barrier_wait(&all);
    for (int i = 0; i < n; i++)
        pthread_join(t[i], NULL);
    free(untouched);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Two threads set the rate, one to a small one and one to a large, while a third allocates and frees: rate_race
 * CHILDREN DIRECTORY. Each child begins where no rate was small yet, frees all it has, and writes its profile.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heaptap/heaptap.h"

#define SIZE 1000
#define KEEP 64

static atomic_int ready, go, stop;

static void *set(void *rate)
{
    ready++;
    while (!go)
        ;
    heaptap_call_set_rate((uintptr_t)rate);
    return NULL;
}

static void *allocate(void *unused)
{
    void *kept[KEEP] = {NULL};
    ready++;
    while (!go)
        ;
    for (unsigned i = 0; !stop; i++) {
        free(kept[i % KEEP]);
        kept[i % KEEP] = malloc(SIZE);
    }
    for (unsigned i = 0; i < KEEP; i++)
        free(kept[i]);
    return unused;
}

static int child(const char *directory, int n)
{
    char file[300];
    pthread_t t[3];
    uintptr_t small = n & 1 ? 200 : 4096; /* the filter is left, or gone by */
    pthread_create(&t[0], NULL, set, (void *)small);
    pthread_create(&t[1], NULL, set, (void *)(uintptr_t)(1 << 20));
    pthread_create(&t[2], NULL, allocate, NULL);
    while (ready < 3)
        usleep(10);
    go = 1;
    pthread_join(t[0], NULL);
    pthread_join(t[1], NULL);
    usleep(1000);
    stop = 1;
    pthread_join(t[2], NULL);
    heaptap_call_flush();
    snprintf(file, sizeof file, "%s/child.%d.pb.gz", directory, n);
    return heaptap_call_dump(file) != 0;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    for (int i = 0, status = 0; i < atoi(argv[1]); i++) {
        pid_t pid = fork();
        if (!pid)
            _exit(child(argv[2], i));
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
            return 1;
    }
    return 0;
}

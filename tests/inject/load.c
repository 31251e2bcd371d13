/* SPDX-License-Identifier: MIT */
/* Allocates in every way, forks, takes a dump by signal, and prints a checksum of what it stored. */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t work(uint64_t seed)
{
    unsigned char *slots[64] = {0};
    uint64_t sum = 0;
    for (int i = 0; i < 6000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        unsigned k = (seed >> 33) & 63;
        size_t n = (seed >> 40) % 5000 + 1;
        for (size_t b = 0; slots[k] && b < 8; b++)
            sum = sum * 31 + slots[k][b % 1];
        if (i % 3 == 0) {
            slots[k] = realloc(slots[k], n);
        } else {
            free(slots[k]);
            slots[k] = i % 3 == 1 ? calloc(1, n) : malloc(n);
        }
        memset(slots[k], (int)n, n);
    }
    for (int k = 0; k < 64; k++)
        free(slots[k]);
    return sum;
}

static void *thread(void *arg)
{
    *(uint64_t *)arg = work(*(uint64_t *)arg);
    return NULL;
}

int main(void)
{
    uint64_t sums[3] = {1, 2, 3};
    pthread_t t[3];
    for (int i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, thread, &sums[i]);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    struct sigaction old;
    sigaction(SIGUSR1, NULL, &old);
    if (old.sa_handler != SIG_DFL) /* installed only when the library could start */
        raise(SIGUSR1);
    fflush(stdout);
    pid_t child = fork();
    if (!child)
        _exit(work(9) ? 7 : 8);
    int status;
    waitpid(child, &status, 0);
    printf("%llx %llx %llx %d\n", (unsigned long long)sums[0], (unsigned long long)sums[1],
           (unsigned long long)sums[2], WEXITSTATUS(status));
    return 5;
}

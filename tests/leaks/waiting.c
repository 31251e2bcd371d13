/* SPDX-License-Identifier: MIT */
/* waiting THREADS MEGABYTES: threads that wait with epoll_wait, and allocate between waits, in a process of so much
 * memory that leaks 100 blocks. Prints "ready"; when its input ends, how many waits there were and how many ended early. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

static atomic_long waits, early, begun;

static long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void *wait_again_and_again(void *arg)
{
    long number = (long)arg;
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event;
    void *volatile kept = NULL;
    begun++;
    for (;;) {
        long began = now_ms(), ms = 200 + number % 100;
        free(kept);
        kept = malloc(100 + (size_t)number % 7 * 16);
        int got = epoll_wait(epoll, &event, 1, (int)ms);
        waits++;
        if (got < 0 || now_ms() - began < ms - 1)
            early++;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 10;
    size_t megabytes = argc > 2 ? strtoul(argv[2], NULL, 10) : 10;
    pthread_attr_t small;
    pthread_t t;
    char **kept = calloc(megabytes + 1, sizeof *kept);
    for (size_t i = 0; kept && i < megabytes; i++) {
        kept[i] = malloc(1 << 20);
        memset(kept[i], 1, 1 << 20);
    }
    for (int i = 0; i < 100; i++)
        *(volatile char *)malloc(5000) = 1;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    for (long i = 0; i < threads; i++)
        if (pthread_create(&t, &small, wait_again_and_again, (void *)i))
            return 1;
    while (begun < threads)
        usleep(1000);
    puts("ready");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    printf("%ld waits, %ld ended early\n", (long)waits, (long)early);
    fflush(stdout);
    _exit(0);
}

/* SPDX-License-Identifier: MIT */
/*
 * Sampling is stopped and started while threads with little to allocate go on: start_stop ROUNDS.
 * In each round every thread allocates BLOCKS of 100 bytes while it is stopped, and as many of 200
 * while it is not.
 */
#include <pthread.h>
#include <stdlib.h>

#include "heaptap/heaptap.h"

#define THREADS 32
#define BLOCKS  50

static pthread_barrier_t turn;
static int rounds;

static void allocate(size_t size)
{
    void *kept[BLOCKS];
    for (int i = 0; i < BLOCKS; i++)
        kept[i] = malloc(size);
    for (int i = 0; i < BLOCKS; i++)
        free(kept[i]);
}

static void *thread(void *unused)
{
    for (int r = 0; r < rounds; r++) {
        pthread_barrier_wait(&turn);
        allocate(100);
        pthread_barrier_wait(&turn);
        pthread_barrier_wait(&turn);
        allocate(200);
        pthread_barrier_wait(&turn);
    }
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t t[THREADS];
    rounds = argc > 1 ? atoi(argv[1]) : 1;
    pthread_barrier_init(&turn, NULL, THREADS + 1);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&t[i], NULL, thread, NULL))
            return 2;
    for (int r = 0; r < rounds; r++) {
        if (heaptap_call_stop() || heaptap_call_active())
            return 1;
        pthread_barrier_wait(&turn);
        pthread_barrier_wait(&turn);
        if (heaptap_call_start() || !heaptap_call_active())
            return 1;
        pthread_barrier_wait(&turn);
        pthread_barrier_wait(&turn);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    return 0;
}

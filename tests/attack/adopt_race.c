/* SPDX-License-Identifier: MIT */
/* A forked child whose threads free what the parent allocated, all at once, before anything else was
 * sampled there: one adopts the parent's live blocks while the others free them. */
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heaptap/heaptap.h"

enum { BLOCKS = 200000, THREADS = 6, CHILDREN = 3 };
static void *blocks[BLOCKS];
static pthread_barrier_t gate;

static void *release(void *arg)
{
    pthread_barrier_wait(&gate);
    for (size_t i = (size_t)arg; i < BLOCKS; i += THREADS)
        free(blocks[i]);
    return NULL;
}

int main(void)
{
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = malloc(200);
    heaptap_call_set_rate((size_t)1 << 40); /* no more samples: the first event is a free */
    free(malloc(10));
    pthread_barrier_init(&gate, NULL, THREADS);
    int bad = 0;
    for (int k = 0; k < CHILDREN; k++) {
        pid_t child = fork();
        if (!child) {
            pthread_t t[THREADS];
            for (size_t i = 0; i < THREADS; i++)
                pthread_create(&t[i], NULL, release, (void *)i);
            for (size_t i = 0; i < THREADS; i++)
                pthread_join(t[i], NULL);
            exit(0);
        }
        int status = 0;
        waitpid(child, &status, 0);
        bad |= status;
    }
    return bad != 0;
}

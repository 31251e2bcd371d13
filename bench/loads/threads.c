/* SPDX-License-Identifier: MIT */
/* Blocks that one thread allocates and another frees. */
#include "load.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static _Atomic(void *) ring[4096];

/* Even threads allocate, odd ones free what they find. */
void *load_handover(void *arg)
{
    uint64_t x = load_seed(arg);
    for (long i = 0; i < load_rounds; i++) {
        uint64_t r = load_next(&x);
        if ((uintptr_t)arg & 1)
            free(atomic_exchange(&ring[r & 4095], NULL));
        else
            free(atomic_exchange(&ring[r & 4095], malloc(16 + ((r >> 20) & 255))));
    }
    return arg;
}

/* As larson: a server's connections. A thread replaces blocks at random for a while, then ends and
 * leaves them to a new one. */
struct connections {
    void *block[1000];
    uint64_t random;
    long left;
};

static void *generation(void *arg)
{
    enum { LIFE = 50000 };
    struct connections *c = arg;
    for (long i = 0; i < LIFE && c->left > 0; i++, c->left--) {
        uint64_t r = load_next(&c->random);
        void **p = &c->block[(r >> 8) % 1000];
        free(*p);
        *(char *)(*p = malloc(10 + (r >> 32) % 490)) = 1;
    }
    return NULL;
}

void *load_larson(void *arg)
{
    struct connections *c = calloc(1, sizeof *c);
    c->random = load_seed(arg);
    c->left = load_rounds;
    while (c->left > 0) {
        pthread_t t;
        if (pthread_create(&t, NULL, generation, c))
            abort();
        pthread_join(t, NULL);
    }
    for (int i = 0; i < 1000; i++)
        free(c->block[i]);
    free(c);
    return arg;
}

/* As xmalloc: even threads fill batches, odd ones take them from a queue and free all. */
struct parcel {
    struct parcel *next;
    void *block[120];
};

static struct parcel *queue;
static int queued;
static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queue_changed = PTHREAD_COND_INITIALIZER;

static void put(struct parcel *b)
{
    pthread_mutex_lock(&queue_lock);
    while (queued >= 64)
        pthread_cond_wait(&queue_changed, &queue_lock);
    b->next = queue;
    queue = b;
    queued++;
    pthread_cond_broadcast(&queue_changed);
    pthread_mutex_unlock(&queue_lock);
}

static struct parcel *take(void)
{
    pthread_mutex_lock(&queue_lock);
    while (!queue)
        pthread_cond_wait(&queue_changed, &queue_lock);
    struct parcel *b = queue;
    queue = b->next;
    queued--;
    pthread_cond_broadcast(&queue_changed);
    pthread_mutex_unlock(&queue_lock);
    return b;
}

void *load_queue(void *arg)
{
    uint64_t x = load_seed(arg);
    for (long i = 0; i < load_rounds; i += 120) {
        if (!((uintptr_t)arg & 1)) {
            struct parcel *b = malloc(sizeof *b);
            for (int k = 0; k < 120; k++)
                *(char *)(b->block[k] = malloc(16 + (load_next(&x) >> 24) % 240)) = 1;
            put(b);
        }
        if (((uintptr_t)arg & 1) || load_threads == 1) {
            struct parcel *b = take();
            for (int k = 0; k < 120; k++)
                free(b->block[k]);
            free(b);
        }
    }
    return arg;
}

/* As cache-scratch: small blocks, written to many times, first of them side by side. */
void *load_scratch(void *arg)
{
    for (long i = 0; i < load_rounds; i++) {
        volatile char *p = malloc(8);
        for (int k = 0; k < 20; k++)
            p[k & 7] = (char)(p[k & 7] + k);
        free((void *)p);
    }
    return arg;
}

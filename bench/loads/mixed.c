/* SPDX-License-Identifier: MIT */
/* Loads in the manner of mimalloc-bench's: mixed sizes and lifetimes, batches freed in odd orders.
 */
#include "load.h"

#include <pthread.h>
#include <stdlib.h>

/* As alloc-test: 8,192 slots, sizes of 1 to 8 KiB, small ones often, a block's both ends written.
 */
void *load_lifetimes(void *arg)
{
    enum { SLOTS = 8192 };
    char **slots = calloc(SLOTS, sizeof *slots);
    uint64_t x = load_seed(arg);
    for (long i = 0; i < load_rounds; i++) {
        uint64_t r = load_next(&x);
        unsigned k = r % SLOTS, shift = (unsigned)__builtin_ctzll((r >> 16) | 1u << 9);
        size_t size = (16ul << shift) - ((r >> 40) & 15);
        free(slots[k]);
        slots[k] = malloc(size);
        slots[k][0] = slots[k][size - 1] = (char)r;
    }
    for (int i = 0; i < SLOTS; i++)
        free(slots[i]);
    free(slots);
    return NULL;
}

/* As sh6bench: batches of one size after another; of each, the middle is freed backwards and filled
 * again before all goes. A round is a malloc and its free. */
void *load_batches(void *arg)
{
    enum { BATCH = 300 };
    static const unsigned short sizes[] = {16, 24, 40, 72, 104, 200, 320, 512, 760, 1000};
    void *block[BATCH];
    long done = 0;
    for (unsigned kind = 0; done < load_rounds; kind++) {
        size_t size = sizes[kind % (sizeof sizes / sizeof *sizes)];
        for (int i = 0; i < BATCH; i++)
            *(char *)(block[i] = malloc(size + (unsigned)(i & 7))) = 1;
        for (int i = 2 * BATCH / 3; i-- > BATCH / 3;)
            free(block[i]);
        for (int i = BATCH / 3; i < 2 * BATCH / 3; i++)
            *(char *)(block[i] = malloc(size / 2 + 8)) = 1;
        for (int i = 0; i < BATCH; i++)
            free(block[kind & 1 ? BATCH - 1 - i : i]);
        done += BATCH + BATCH / 3;
    }
    return arg;
}

/* As sh8bench: each thread leaves every batch in a common place and frees what another left there.
 */
void *load_passed(void *arg)
{
    enum { BATCH = 200, PLACES = 16 };
    static struct batch {
        void *block[BATCH];
    } * places[PLACES];
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    uint64_t x = load_seed(arg);
    for (long done = 0; done < load_rounds; done += BATCH) {
        struct batch *b = malloc(sizeof *b), *other;
        for (int i = 0; i < BATCH; i++)
            *(char *)(b->block[i] = malloc(16 + (load_next(&x) >> 20) % 480)) = 1;
        pthread_mutex_lock(&lock);
        other = places[(x >> 8) % PLACES];
        places[(x >> 8) % PLACES] = b;
        pthread_mutex_unlock(&lock);
        for (int i = 0; other && i < BATCH; i++)
            free(other->block[i]);
        free(other);
    }
    return arg;
}

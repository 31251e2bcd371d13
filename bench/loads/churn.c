/* SPDX-License-Identifier: MIT */
/* One call at a time: what a wrapper of malloc pays is all there is. */
#include "load.h"

#include <stdlib.h>

/* malloc and free of 16 to 271 bytes over 1,024 slots. */
void *load_churn(void *arg)
{
    void *slots[1024] = {0};
    uint64_t x = load_seed(arg);
    for (long i = 0; i < load_rounds; i++) {
        uint64_t r = load_next(&x);
        unsigned k = r & 1023;
        free(slots[k]);
        slots[k] = malloc(16 + ((r >> 20) & 255));
        *(char *)slots[k] = 1;
    }
    for (int i = 0; i < 1024; i++)
        free(slots[i]);
    return NULL;
}

/* 16 B to 4 MB, log-uniform, over 64 slots; with depth 1 beside a small block, another every 4,000
 * rounds. How often glibc trims and grows the heap depends on the seed (bench/faults.py). */
void *load_sizes(void *arg)
{
    void *slots[64] = {0}, *beside = NULL;
    uint64_t x = load_seed(arg);
    for (long i = 0; i < load_rounds; i++) {
        if (load_depth && i % 4000 == 3999) {
            free(beside);
            beside = malloc(1040);
        }
        uint64_t r = load_next(&x);
        unsigned k = r & 63, shift = (r >> 8) % 19;
        free(slots[k]);
        slots[k] = malloc((16ul << shift) + ((r >> 20) & 15));
        *(char *)slots[k] = 1;
    }
    for (int i = 0; i < 64; i++)
        free(slots[i]);
    free(beside);
    return NULL;
}

/* 64 MiB of zeros of which one page is touched. */
void *load_calloc(void *arg)
{
    for (long i = 0; i < load_rounds; i++) {
        volatile char *p = calloc(1, 64 << 20);
        p[4096 * (i & 1023)] = 1;
        free((void *)p);
    }
    return arg;
}

/* 1 GiB of zeros of which none is. */
void *load_untouched(void *arg)
{
    for (long i = 0; i < load_rounds; i++) {
        void *volatile p = calloc(1, 1u << 30);
        free(p);
    }
    return arg;
}

/* A round is the growth of one block from 16 bytes to a MiB by half of its size. */
void *load_growth(void *arg)
{
    for (long i = 0; i < load_rounds; i++) {
        char *p = NULL;
        for (size_t n = 16; n < 1 << 20; n += n / 2)
            *(volatile char *)(p = realloc(p, n)) = 1;
        free(p);
    }
    return arg;
}

void *load_aligned(void *arg)
{
    for (long i = 0; i < load_rounds; i++) {
        void *p;
        if (posix_memalign(&p, 64, 200 + (size_t)(i & 511)))
            abort();
        *(volatile char *)p = 1;
        free(p);
    }
    return arg;
}

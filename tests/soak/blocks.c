/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "soak.h"

struct counts counts[WORKERS + 2];
_Atomic(unsigned char *) slots[SLOTS];
atomic_int stop, still, standing;
atomic_long wrong, operations;

/* Sites alike must not become one. */
#if defined(__clang__)
#define SITE __attribute__((noinline)) static void *
#else
#define SITE __attribute__((noinline, noclone, no_icf)) static void *
#endif

SITE site_malloc(size_t n)
{
    void *p = malloc(n);
    STAY(p);
    return p;
}

SITE site_calloc(size_t n)
{
    void *p = calloc(1, n);
    STAY(p);
    return p;
}

SITE site_realloc(size_t n)
{
    void *p = realloc(NULL, n / 2 + 1);
    STAY(p);
    p = realloc(p, n);
    STAY(p);
    return p;
}

SITE site_aligned(size_t n)
{
    void *p = NULL;
    if (posix_memalign(&p, 128, n))
        abort();
    STAY(p);
    return p;
}

SITE site_top_up(size_t n)
{
    void *p = malloc(n);
    STAY(p);
    return p;
}

unsigned char *take(struct counts *c, enum kind kind, size_t n)
{
    unsigned char *p;
    switch (kind) {
    case CALLOC:
        p = site_calloc(n);
        for (size_t i = 0; i < n; i++)
            wrong += p[i] != 0;
        break;
    case REALLOC:
        c->made[REALLOC][n / 2 + 1]++;
        p = site_realloc(n);
        break;
    case ALIGNED:
        p = site_aligned(n);
        wrong += (uintptr_t)p % 128 != 0;
        break;
    default:
        p = site_malloc(n);
    }
    c->made[kind][n]++;
    c->left[kind][n]++;
    uint64_t head = n | (uint64_t)kind << 32;
    memcpy(p, &head, sizeof head);
    for (size_t i = sizeof head; i < n; i++)
        p[i] = (unsigned char)(n * 7 + i);
    return p;
}

uint64_t verified(const unsigned char *p)
{
    uint64_t head;
    memcpy(&head, p, sizeof head);
    size_t n = (uint32_t)head;
    if (n >= SIZES || head >> 32 >= KINDS) {
        wrong++;
        return 0;
    }
    for (size_t i = sizeof head; i < n; i++)
        if (p[i] != (unsigned char)(n * 7 + i)) {
            wrong++;
            break;
        }
    return head;
}

void give(struct counts *c, unsigned char *p)
{
    uint64_t head = verified(p);
    c->left[head >> 32][(uint32_t)head]--;
    free(p);
}

uint64_t step(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

void *worker(void *arg)
{
    struct counts *c = arg;
    uint64_t x = 88172645463325252ull + (uint64_t)(c - counts) * 7919;
    long done = 0;
    for (; !stop; done += 2) {
        if (still) {
            operations += done;
            done = 0;
            standing++;
            while (still)
                usleep(500);
            standing--;
        }
        uint64_t r = step(&x);
        enum kind kind = r >> 60 < REALLOC + 2 ? (enum kind)(r >> 60) : MALLOC;
        unsigned char *p = take(c, kind, 16 + (r >> 20) % 2000);
        p = atomic_exchange(&slots[r % SLOTS], p);
        if (p)
            give(c, p);
    }
    operations += done;
    return NULL;
}

/* One that lives for a moment. */
void *short_thread(void *arg)
{
    struct counts *c = arg;
    unsigned char *p[40];
    for (unsigned i = 0; i < 40; i++)
        p[i] = take(c, MALLOC, 16 + i * 30);
    for (unsigned i = 0; i < 40; i++)
        give(c, p[i]);
    return NULL;
}

/* Operations as fast as they go, at ever other addresses, until there were so many. */
void top_up(long until, unsigned churn)
{
    static void *held[CHURN];
    static uint16_t sizes[CHURN];
    struct counts *c = &counts[WORKERS + 1];
    uint64_t x = 362436069;
    long done = 0;
    for (; operations + done < until; done += 2) {
        uint64_t r = step(&x);
        unsigned k = r % churn;
        if (held[k]) {
            free(held[k]);
            c->left[TOP_UP][sizes[k]]--;
        }
        sizes[k] = (uint16_t)(16 + (r >> 32) % 400);
        held[k] = site_top_up(sizes[k]);
        c->made[TOP_UP][sizes[k]]++;
        c->left[TOP_UP][sizes[k]]++;
        if (done == 0xffffe) {
            operations += done + 2;
            done = -2;
        }
    }
    operations += done;
    for (unsigned k = 0; k < CHURN; k++)
        if (held[k]) {
            free(held[k]);
            held[k] = NULL;
            c->left[TOP_UP][sizes[k]]--;
        }
}

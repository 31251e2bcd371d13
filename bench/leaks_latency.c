/* SPDX-License-Identifier: MIT */
/*
 * leaks-latency THREADS MEGABYTES: a server that bench/leaks_latency.py looks at. Each thread serves a request every
 * half millisecond: it allocates, frees, reads its part of the heap at random, and now and then maps and unmaps memory, for
 * which it needs the lock on the address space that a reader takes too. For each "measure SECONDS" on standard input a line:
 * how many requests there were, and their latencies from the moment they were due: p50, p99, p99.9, the longest, in nanoseconds.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define EVERY_NS 500000u
#define STEP_NS  1000u
#define STEPS    1000000u /* one second */
#define BLOCKS   40u

static _Atomic uint32_t histogram[STEPS + 1];
static _Atomic uint64_t longest;
static char **heap;
static size_t megabytes;

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t draw(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    return *x ^= *x << 17;
}

static void serve(uint64_t *x)
{
    char *block[BLOCKS];
    uint64_t sum = 0;
    for (unsigned i = 0; i < BLOCKS; i++) {
        size_t n = 64 + draw(x) % 4000;
        block[i] = malloc(n);
        memset(block[i], 1, n);
    }
    for (unsigned i = 0; i < 200; i++)
        sum += (unsigned char)heap[draw(x) % megabytes][draw(x) % (1 << 20)];
    if (draw(x) % 50 == 0) {
        char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            abort();
        for (size_t i = 0; i < 1 << 20; i += 4096)
            p[i] = (char)sum;
        munmap(p, 1 << 20);
    }
    for (unsigned i = 0; i < BLOCKS; i++)
        free(block[i]);
}

static void *server(void *number)
{
    uint64_t x = (uint64_t)(uintptr_t)number * 0x9e3779b97f4a7c15u + 1, due = now();
    for (;;) {
        due += EVERY_NS;
        struct timespec t = {(time_t)(due / 1000000000u), (long)(due % 1000000000u)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
        serve(&x);
        uint64_t end = now(), took = end - due, most = atomic_load(&longest);
        atomic_fetch_add(&histogram[took / STEP_NS < STEPS ? took / STEP_NS : STEPS], 1);
        while (took > most && !atomic_compare_exchange_weak(&longest, &most, took))
            ;
        /* it cannot keep up: what waits is not served all at once */
        if (end > due + 100 * EVERY_NS)
            due = end;
    }
    return NULL;
}

static uint64_t percentile(uint64_t n, double share)
{
    uint64_t seen = 0;
    for (unsigned i = 0; i <= STEPS; i++) {
        seen += histogram[i];
        if ((double)seen >= share * (double)n)
            return (uint64_t)i * STEP_NS;
    }
    return (uint64_t)STEPS * STEP_NS;
}

static void measure(double seconds)
{
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    uint64_t n = 0;
    for (unsigned i = 0; i <= STEPS; i++)
        atomic_store(&histogram[i], 0);
    atomic_store(&longest, 0);
    nanosleep(&t, NULL);
    for (unsigned i = 0; i <= STEPS; i++)
        n += histogram[i];
    printf("%llu %llu %llu %llu %llu\n", (unsigned long long)n,
           (unsigned long long)percentile(n, .5), (unsigned long long)percentile(n, .99),
           (unsigned long long)percentile(n, .999), (unsigned long long)longest);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    long threads = argc > 1 ? atol(argv[1]) : 2;
    char line[64];
    double seconds;
    pthread_t t;
    megabytes = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;
    if (!megabytes || !(heap = calloc(megabytes, sizeof *heap)))
        return 1;
    for (size_t i = 0; i < megabytes; i++)
        memset(heap[i] = malloc(1 << 20), 1, 1 << 20);
    for (long i = 0; i < threads; i++)
        if (pthread_create(&t, NULL, server, (void *)i))
            return 1;
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin))
        if (sscanf(line, "measure %lf", &seconds) == 1)
            measure(seconds);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* What bench/outside.py measures in a target: malloc's latencies. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Buckets of 1/64 of a doubling: a tenth more is seen. */
static uint64_t histogram[64 * 60];

static unsigned bucket(uint64_t ns)
{
    if (ns < 64)
        return (unsigned)ns;
    int shift = 63 - __builtin_clzll(ns) - 6;
    return (unsigned)(shift + 1) * 64 + (unsigned)((ns >> shift) & 63);
}

static double upper(unsigned b)
{
    return b < 64 ? b : (double)((uint64_t)(64 + b % 64 + 1) << (b / 64 - 1));
}

static double quantile(uint64_t total, double q)
{
    uint64_t seen = 0;
    for (unsigned b = 0; b < sizeof histogram / sizeof *histogram; b++)
        if ((double)(seen += histogram[b]) >= q * (double)total)
            return upper(b);
    return 0;
}

/* Of batches of 64 calls, so that the clock is not what is measured. */
static int latency(double seconds)
{
    enum { LIVE = 4096, BATCH = 64 };
    static void *live[LIVE];
    uint64_t random = 1, total = 0, end = now() + (uint64_t)(seconds * 1e9);
    puts("ready");
    fflush(stdout);
    for (uint64_t t = now(); t < end;) {
        for (int i = 0; i < BATCH; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            void **p = &live[(random >> 33) % LIVE];
            free(*p);
            *p = malloc(16 + (random >> 50));
        }
        uint64_t after = now();
        histogram[bucket(after - t)]++;
        total++;
        t = after;
    }
    printf("%g %g %g\n", quantile(total, 0.5) / BATCH, quantile(total, 0.99) / BATCH,
           quantile(total, 0.999) / BATCH);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "latency"))
        return latency(atof(argv[2]));
    fputs("usage: outside latency SECONDS\n", stderr);
    return 2;
}

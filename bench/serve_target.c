/* SPDX-License-Identifier: MIT */
/*
 * What bench/serve.py looks at: 100,000 stacks, made exactly, then malloc and free at the usual
 * rate. For each "measure SECONDS" on standard input a line with the percentiles of one malloc and
 * free, in nanoseconds.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "heaptap/heaptap.h"

#define STACKS 100000u
#define LEVELS 17
#define MAX_NS 1000000u

static void *kept[STACKS];
static uint32_t histogram[MAX_NS + 1];
static volatile unsigned depth_of_return;

static void *walk(unsigned path, unsigned level);

__attribute__((noinline)) static void *left(unsigned path, unsigned level)
{
    void *p = walk(path, level);

    depth_of_return = level; /* no tail call */
    return p;
}

__attribute__((noinline)) static void *right(unsigned path, unsigned level)
{
    void *p = walk(path, level);

    depth_of_return = level + 1;
    return p;
}

__attribute__((noinline)) static void *walk(unsigned path, unsigned level)
{
    void *p = level == LEVELS     ? malloc(64 + path % 64)
              : path >> level & 1 ? right(path, level + 1)
                                  : left(path, level + 1);

    depth_of_return = 0;
    return p;
}

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static unsigned percentile(uint64_t n, double share)
{
    uint64_t seen = 0;

    for (unsigned i = 0; i <= MAX_NS; i++) {
        seen += histogram[i];
        if ((double)seen >= share * (double)n)
            return i;
    }
    return MAX_NS;
}

static void measure(double seconds)
{
    uint64_t end = now() + (uint64_t)(seconds * 1e9), n = 0;

    memset(histogram, 0, sizeof histogram);
    for (uint64_t t = now(); t < end;) {
        void *volatile p = malloc(256 + n % 1024);
        uint64_t after;

        free(p);
        after = now();
        histogram[after - t < MAX_NS ? after - t : MAX_NS]++;
        t = now();
        n++;
    }
    printf("%llu %u %u %u\n", (unsigned long long)n, percentile(n, .5), percentile(n, .99),
           percentile(n, .999));
    fflush(stdout);
}

int main(void)
{
    char line[64];

    heaptap_call_set_rate(1);
    for (unsigned i = 0; i < STACKS; i++)
        kept[i] = walk(i, 0);
    heaptap_call_set_rate(512 << 10);
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        double seconds;

        if (sscanf(line, "measure %lf", &seconds) == 1)
            measure(seconds);
    }
    return kept[0] == NULL;
}

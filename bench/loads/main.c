/* SPDX-License-Identifier: MIT */
/*
 * The bench's loads: NAME [THREADS [ROUNDS[,WARM[,SEED]] [NAME=VALUE...]]]. Prints one number:
 * nanoseconds a round, by CLOCK_MONOTONIC over all of it; with BENCH_CLOCK=cpu, the process's processor time.
 */
#include "load.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

long load_rounds;
uint64_t load_seed_number;
int load_depth, load_threads = 1;
char **load_arguments;

static clockid_t the_clock = CLOCK_MONOTONIC;

static double now(void)
{
    struct timespec t;
    clock_gettime(the_clock, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double timed(const struct load *l, int threads, long rounds)
{
    pthread_t t[64];
    load_rounds = rounds;
    load_threads = threads;
    double begin = now();
    if (threads == 1)
        l->run(NULL);
    for (long k = 0; threads > 1 && k < threads; k++)
        if (pthread_create(&t[k], NULL, l->run, (void *)k))
            abort();
    for (int k = 0; threads > 1 && k < threads; k++)
        pthread_join(t[k], NULL);
    return now() - begin;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    int threads = argc > 2 ? atoi(argv[2]) : 1;
    const struct load *l = loads;
    for (; !strcmp(name, "--list") && l->name; l++)
        printf("%s %ld %ld\n", l->name, l->rounds, l->warm);
    if (l != loads)
        return 0;
    while (l->name && strcmp(name, l->name))
        l++;
    if (!l->name || threads < 1 || threads > 64) {
        fprintf(stderr, "usage: %s", argv[0]);
        for (l = loads; l->name; l++)
            fprintf(stderr, "%c%s", l == loads ? ' ' : '|', l->name);
        fprintf(stderr, " [THREADS [ROUNDS[,WARM[,SEED]] [NAME=VALUE...]]]\n");
        return 2;
    }
    const char *clock = getenv("BENCH_CLOCK");
    if (clock && !strcmp(clock, "cpu"))
        the_clock = CLOCK_PROCESS_CPUTIME_ID;
    long rounds = l->rounds, warm = l->warm;
    if (argc > 3) {
        char *end;
        rounds = strtol(argv[3], &end, 10);
        warm = *end == ',' ? strtol(end + 1, &end, 10) : warm;
        load_seed_number = *end == ',' ? strtoull(end + 1, &end, 10) : 0;
    }
    load_depth = l->depth;
    load_arguments = argv + (argc > 4 ? 4 : argc);
    if (warm)
        timed(l, 1, warm);
    printf("%.3f\n", timed(l, threads, rounds) / (double)rounds);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* Allocates and frees all the time, and keeps ever more in leaky_cache(). churn SECONDS */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KEEP 512

struct entry {
    struct entry *next;
    char data[16384];
};

static struct entry *kept;
static void *ring[KEEP];

__attribute__((noinline)) static void leaky_cache(void)
{
    struct entry *e = malloc(sizeof *e);

    e->next = kept;
    kept = e;
}

__attribute__((noinline)) static void steady_ring(unsigned i)
{
    free(ring[i % KEEP]);
    ring[i % KEEP] = malloc(8192 + i % 4096);
    memset(ring[i % KEEP], 1, 64);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 10;
    struct timespec nap = {0, 1000000};

    puts("ready");
    fflush(stdout);
    for (unsigned i = 0; i < seconds * 800; i++) {
        for (unsigned k = 0; k < 20; k++)
            steady_ring(i * 20 + k);
        leaky_cache();
        nanosleep(&nap, NULL);
    }
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * bench-scale stacks N        allocates from N different stacks, and keeps all; prints, for each tenfold of
 *                             them, the processor time of one
 * bench-scale again STEPS     allocations of many sizes from 1,000 stacks, a tenth of them kept; prints after each
 *                             of STEPS million what the region has in memory
 * bench-scale vary PATHS BITS STEPS   the same from so many stacks with sizes up to 2^BITS, 10,000 kept; prints
 *                             millions of allocations, KiB that live, KiB of the region, KiB resident
 * bench-scale hold N          as stacks, then says so and waits for its standard input to end
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef void *allocator(unsigned long path, int depth, size_t size);
static allocator go;

#define STEP(i)                                                                                    \
    __attribute__((noinline)) static void *step##i(unsigned long path, int depth, size_t size)     \
    {                                                                                              \
        void *p = go(path, depth, size);                                                           \
        __asm__ volatile("" ::"r"(p) : "memory"); /* no tail call: a frame of its own */           \
        return p;                                                                                  \
    }
STEP(0)
STEP(1)
STEP(2)
STEP(3)
STEP(4)
STEP(5)
STEP(6)
STEP(7)
STEP(8)
STEP(9)
static allocator *const steps[10] = {step0, step1, step2, step3, step4,
                                     step5, step6, step7, step8, step9};

static void *go(unsigned long path, int depth, size_t size)
{
    void *p = depth ? steps[path % 10](path / 10, depth - 1, size) : malloc(size);
    __asm__ volatile("" ::"r"(p) : "memory");
    return p;
}

enum { DEPTH = 7 }; /* ten million paths */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* KiB of shared memory: the region's. */
static long shared_memory(void)
{
    char line[256];
    long kib = 0;
    FILE *f = fopen("/proc/self/status", "re");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "RssShmem: %ld", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib;
}

static void stacks(unsigned long n)
{
    double from = now();
    unsigned long done = 0;
    for (unsigned long upto = 1000; done < n; upto *= 10) {
        unsigned long before = done;
        for (; done < upto && done < n; done++)
            if (!go(done * 7919 % 10000000, DEPTH, 64))
                exit(2);
        double t = now();
        printf("%lu %.0f\n", done, (t - from) * 1e9 / (double)(done - before));
        from = now();
    }
}

static unsigned long next_random(void)
{
    static unsigned long x = 88172645463325252ul;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x;
}

static void again(unsigned long million)
{
    enum { KEPT = 2000 };
    static void *kept[KEPT];
    for (unsigned long i = 1; i <= million; i++) {
        for (unsigned long k = 0; k < 1000000; k++) {
            unsigned long r = next_random();
            void **p = &kept[r % KEPT];
            /* Sizes over six decades, small ones most often. */
            size_t size = 16 + (next_random() >> (44 + r / KEPT % 20));
            free(*p);
            *p = go(next_random() % 1000, DEPTH, size);
        }
        printf("%lu %ld\n", i, shared_memory());
        fflush(stdout);
    }
}

/* In KiB, or -1. */
static long resident_memory(void)
{
    char text[64];
    long size, pages;
    int fd = open("/proc/self/statm", O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return -1;
    text[n] = 0;
    return sscanf(text, "%ld %ld", &size, &pages) == 2 ? pages * 4 : -1;
}

static void vary(unsigned long paths, unsigned bits, unsigned long million)
{
    enum { KEPT = 10000 };
    static struct {
        void *p;
        size_t size;
    } kept[KEPT];
    size_t live = 0;
    for (unsigned long i = 1; i <= million; i++) {
        for (unsigned long k = 0; k < 1000000; k++) {
            unsigned long r = next_random(), slot = r % KEPT;
            size_t size = 16 + (next_random() >> (64 - bits + r / KEPT % bits));
            free(kept[slot].p);
            live += size - kept[slot].size;
            kept[slot].p = go(next_random() % paths, DEPTH, size);
            kept[slot].size = size;
        }
        printf("%lu %zu %ld %ld\n", i, live / 1024, shared_memory(), resident_memory());
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    if (argc == 5 && !strcmp(argv[1], "vary")) {
        vary(strtoul(argv[2], NULL, 10), (unsigned)atoi(argv[3]), strtoul(argv[4], NULL, 10));
        return 0;
    }
    if (argc != 3)
        return 2;
    unsigned long n = strtoul(argv[2], NULL, 10);
    if (!strcmp(argv[1], "again")) {
        again(n);
        return 0;
    }
    stacks(n);
    if (!strcmp(argv[1], "hold")) {
        char c;
        puts("held");
        fflush(stdout);
        return read(0, &c, 1) < 0;
    }
    return 0;
}

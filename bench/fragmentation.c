/* SPDX-License-Identifier: MIT */
/*
 * bench/fragmentation.py's five loads, each apt to tear a heap: fragmentation LOAD OPERATIONS START.
 * An operation is a malloc, realloc or free. After each fifth of them one line: resident KiB. The
 * sequence of calls is the same in every run (but for how two threads meet), after a few blocks that
 * are other ones for each START.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t seed = 88172645463325252u;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static long resident_kib(void)
{
    char text[128] = "";
    long size, resident = 0;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof text - 1) < 0 ||
        sscanf(text, "%ld %ld", &size, &resident) != 2)
        abort();
    close(fd);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static uint64_t done, fifth, reported;

static void count(uint64_t operations)
{
    char line[32];
    done += operations;
    while (reported < 5 && done >= (reported + 1) * fifth) {
        reported++;
        int n = snprintf(line, sizeof line, "%ld\n", resident_kib());
        if (write(1, line, (size_t)n) < 0)
            abort();
    }
}

static void *get(size_t n, size_t touched)
{
    char *p = malloc(n);
    if (!p)
        abort();
    memset(p, 1, touched < n ? touched : n);
    return p;
}

/* A cache of mostly small blocks; one of 128 is a buffer of 30,000 bytes that is hardly used. */
static void sparse(void)
{
    static void *slots[100000];
    while (reported < 5) {
        uint64_t r = next_random();
        void **at = &slots[r % 100000];
        free(*at);
        *at = r >> 40 & 127 ? get(64, 64) : get(30000, 64);
        count(2);
    }
}

/* Sizes of 16 bytes to 16 KiB, as many of each power of two, that live for as long as chance has it. */
static void mixed(void)
{
    static void *slots[20000];
    while (reported < 5) {
        uint64_t r = next_random();
        void **at = &slots[r % 20000];
        size_t power = (size_t)16 << (r >> 32) % 10;
        free(*at);
        *at = get(power + (r >> 40) % power, SIZE_MAX);
        count(2);
    }
}

/* Buffers that grow by a half, or shrink to a quarter. */
static void resized(void)
{
    static struct {
        char *p;
        size_t n;
    } buffers[2000];
    while (reported < 5) {
        uint64_t r = next_random();
        __typeof__(&buffers[0]) b = &buffers[r % 2000];
        b->n = b->n < 16 ? 16 : b->n < 65536 && r >> 32 & 3 ? b->n + b->n / 2 : b->n / 4 + 16;
        if (!(b->p = realloc(b->p, b->n)))
            abort();
        b->p[0] = b->p[b->n - 1] = 1;
        count(1);
    }
}

#define RING 8192u
static _Atomic(void *) ring[RING];
static _Atomic int over;

static void *consume(void *none)
{
    static void *kept[4096]; /* one block of 64, until another takes its place */
    (void)none;
    for (uint64_t i = 0, k = 0; !atomic_load(&over); i++) {
        void *p;
        while (!(p = atomic_exchange(&ring[i % RING], NULL)))
            if (atomic_load(&over))
                return NULL;
            else
                usleep(50);
        if (i % 64 == 0) {
            void **at = &kept[k++ * 2654435761u % 4096];
            free(*at);
            *at = p;
        } else {
            free(p);
        }
    }
    return NULL;
}

/* One thread allocates what another frees. The ring is full once in any case: how much lies in it
 * later is chance, and takes nothing more. */
static void handed_on(void)
{
    pthread_t thread;
    for (uint64_t i = 0; reported < 5; i++) {
        if (i == RING && pthread_create(&thread, NULL, consume, NULL))
            abort();
        uint64_t r = next_random();
        void *p = get(32 + r % 2000, SIZE_MAX);
        while (atomic_load(&ring[i % RING]))
            usleep(50);
        atomic_store(&ring[i % RING], p);
        count(2);
    }
    atomic_store(&over, 1);
    if (done > 2 * RING)
        pthread_join(thread, NULL);
}

/* Sizes one after another; of each one block of eight stays for two sizes more. */
static void sweep(void)
{
    enum { N = 20000 };
    static void *blocks[3][N];
    for (uint64_t turn = 0; reported < 5; turn++) {
        void **now = blocks[turn % 3];
        for (int i = 0; i < N; i++) {
            free(now[i]);
            now[i] = get(24 + turn % 125 * 16, SIZE_MAX);
        }
        for (int i = 0; i < N; i++)
            if (next_random() & 7) {
                free(now[i]);
                now[i] = NULL;
            }
        count(2 * N);
    }
}

/* Some blocks of chance sizes, every second of which stays: the heap begins another way. */
static void begin(uint64_t start)
{
    uint64_t r = start;
    for (uint64_t i = 0; i < 4 * start; i++) {
        r = r * 6364136223846793005u + 1442695040888963407u;
        void *p = get(16 + (r >> 40) % 2000, SIZE_MAX);
        if (r >> 63)
            free(p);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } loads[] = {{"sparse", sparse},
                 {"mixed", mixed},
                 {"resized", resized},
                 {"handed-on", handed_on},
                 {"sweep", sweep}};
    fifth = argc == 4 ? strtoull(argv[2], NULL, 10) / 5 : 0;
    for (size_t i = 0; fifth && i < sizeof loads / sizeof *loads; i++)
        if (!strcmp(argv[1], loads[i].name)) {
            begin(strtoull(argv[3], NULL, 10));
            loads[i].run();
            return 0;
        }
    fputs("usage: fragmentation sparse|mixed|resized|handed-on|sweep OPERATIONS START\n", stderr);
    return 2;
}

/* SPDX-License-Identifier: MIT */
/*
 * The bench's workloads: load NAME [THREADS] [ROUNDS]. Prints one number: nanoseconds an operation,
 * by CLOCK_MONOTONIC over the whole of it. Deterministic: fixed seeds, no input.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long rounds;

static uint64_t next(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    return *x ^= *x << 17;
}

/* malloc and free of 16 to 271 bytes over 1,024 slots. */
static void *churn(void *arg)
{
    void *slots[1024] = {0};
    uint64_t x = 88172645463325252ull + (uintptr_t)arg;
    for (long i = 0; i < rounds; i++) {
        uint64_t r = next(&x);
        unsigned k = r & 1023;
        free(slots[k]);
        slots[k] = malloc(16 + ((r >> 20) & 255));
        *(char *)slots[k] = 1;
    }
    for (int i = 0; i < 1024; i++)
        free(slots[i]);
    return NULL;
}

/* 16 B to 4 MB, log-uniform, over 64 slots. */
static void *sizes(void *arg)
{
    void *slots[64] = {0};
    uint64_t x = 88172645463325252ull + (uintptr_t)arg;
    for (long i = 0; i < rounds; i++) {
        uint64_t r = next(&x);
        unsigned k = r & 63, shift = (r >> 8) % 19;
        free(slots[k]);
        slots[k] = malloc((16ul << shift) + ((r >> 20) & 15));
        *(char *)slots[k] = 1;
    }
    for (int i = 0; i < 64; i++)
        free(slots[i]);
    return NULL;
}

static void *large_calloc(void *arg)
{
    for (long i = 0; i < rounds; i++) {
        volatile char *p = calloc(1, 64 << 20);
        p[4096 * (i & 1023)] = 1;
        free((void *)p);
    }
    return arg;
}

static void *growth(void *arg)
{
    for (long i = 0; i < rounds; i++) {
        char *p = NULL;
        for (size_t n = 16; n < 1 << 20; n += n / 2)
            *(volatile char *)(p = realloc(p, n)) = 1;
        free(p);
    }
    return arg;
}

static void *aligned(void *arg)
{
    for (long i = 0; i < rounds; i++) {
        void *p;
        if (posix_memalign(&p, 64, 200 + (i & 511)))
            abort();
        *(volatile char *)p = 1;
        free(p);
    }
    return arg;
}

static _Atomic(void *) ring[4096];

/* Even threads allocate, odd ones free what they find. */
static void *handover(void *arg)
{
    uint64_t x = 88172645463325252ull + (uintptr_t)arg;
    for (long i = 0; i < rounds; i++) {
        uint64_t r = next(&x);
        if ((uintptr_t)arg & 1)
            free(atomic_exchange(&ring[r & 4095], NULL));
        else
            free(atomic_exchange(&ring[r & 4095], malloc(16 + ((r >> 20) & 255))));
    }
    return arg;
}

static __attribute__((noinline)) void *deep_leaf(int depth)
{
    void *p;
    if (depth > 0) {
        p = deep_leaf(depth - 1);
        __asm__ volatile("" ::"r"(p));
        return p;
    }
    return malloc(64);
}

static int depth_of;
static void *deep(void *arg)
{
    for (long i = 0; i < rounds; i++)
        free(deep_leaf(depth_of));
    return arg;
}

static void *threads(void *arg)
{
    for (long i = 0; i < rounds; i++) {
        pthread_t t;
        long keep = rounds;
        rounds = 1;
        pthread_create(&t, NULL, aligned, NULL);
        pthread_join(t, NULL);
        rounds = keep;
    }
    return arg;
}

static void *spawn(void *arg)
{
    char *argv[] = {(char *)"/bin/true", NULL};
    /* The program started is bare: what is measured is the profiled parent's fork. */
    unsetenv("LD_PRELOAD");
    for (long i = 0; i < rounds; i++) {
        pid_t p = fork();
        if (!p) {
            execv(argv[0], argv);
            _exit(127);
        }
        waitpid(p, NULL, 0);
    }
    return arg;
}

static const struct {
    const char *name;
    void *(*run)(void *);
    long rounds;
    int depth;
} loads[] = {
    {"churn", churn, 4000000, 0},      {"sizes", sizes, 400000, 0},
    {"calloc", large_calloc, 20000, 0}, {"realloc", growth, 20000, 0},
    {"memalign", aligned, 3000000, 0}, {"handover", handover, 2000000, 0},
    {"deep10", deep, 2000000, 10},     {"deep30", deep, 1000000, 30},
    {"deep100", deep, 500000, 100},    {"threads", threads, 5000, 0},
    {"spawn", spawn, 400, 0},
};

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    int n = argc > 2 ? atoi(argv[2]) : 1;
    for (size_t i = 0; i < sizeof loads / sizeof *loads; i++) {
        if (strcmp(name, loads[i].name))
            continue;
        struct timespec a, b;
        pthread_t t[64];
        rounds = argc > 3 ? atol(argv[3]) : loads[i].rounds;
        depth_of = loads[i].depth;
        if (n < 1 || n > 64)
            return 2;
        clock_gettime(CLOCK_MONOTONIC, &a);
        if (n == 1)
            loads[i].run(NULL);
        for (long k = 0; n > 1 && k < n; k++)
            pthread_create(&t[k], NULL, loads[i].run, (void *)k);
        for (int k = 0; n > 1 && k < n; k++)
            pthread_join(t[k], NULL);
        clock_gettime(CLOCK_MONOTONIC, &b);
        double ns = (double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec);
        printf("%.3f\n", ns / (double)rounds);
        return 0;
    }
    fprintf(stderr, "usage: load churn|sizes|calloc|realloc|memalign|handover|deep10|deep30|deep100|"
                    "threads|spawn [THREADS] [ROUNDS]\n");
    return 2;
}

/* SPDX-License-Identifier: MIT */
/*
 * What a sample costs: run by bench/unwind.py, bare and preloaded with a rate that samples each of
 * these blocks but does not remember stacks (that is for exact mode).
 *   unwind-bench warm DEPTH fp|nofp N   nanoseconds a malloc and free, DEPTH frames deep
 *   unwind-bench cold                   nanoseconds of a first sample through 30 functions never
 * seen unwind-bench stack DEPTH            bytes of stack that a malloc takes, first and warm
 */
#include "config.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>

#define SIZE 60000 /* under a rate of 5000: left out once in 160 000 times */

typedef void (*then_fn)(void);

static void *(*real_malloc)(size_t);
static void (*real_free)(void *);

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static __attribute__((noinline)) void once(void)
{
    void *volatile p = real_malloc(SIZE);
    real_free(p);
}

static uint64_t n_times, best;

static __attribute__((noinline)) void many(void)
{
    best = UINT64_MAX;
    for (int round = 0; round < 5; round++) {
        uint64_t begin = now();
        for (uint64_t i = 0; i < n_times; i++)
            once();
        uint64_t took = now() - begin;
        best = took < best ? took : best;
    }
}

#ifdef __clang__
#define OPTIMIZE(args) /* both are without frame pointers then */
#else
#define OPTIMIZE(args) optimize(args)
#endif

#define DEEP(name, args)                                                                           \
    static __attribute__((noinline, OPTIMIZE(args))) void name(int n, then_fn then)                \
    {                                                                                              \
        volatile char pad[40];                                                                     \
        pad[0] = (char)n;                                                                          \
        if (n > 0)                                                                                 \
            name(n - 1, then);                                                                     \
        else                                                                                       \
            then();                                                                                \
        pad[1] = pad[0];                                                                           \
    }
DEEP(deep_nofp, "no-optimize-sibling-calls,omit-frame-pointer")
DEEP(deep_fp, "no-optimize-sibling-calls,no-omit-frame-pointer")

/* Thirty functions of their own, each entered once. */
#define CHAIN(X)                                                                                   \
    X(1, 0)                                                                                        \
    X(2, 1)                                                                                        \
    X(3, 2) X(4, 3) X(5, 4) X(6, 5) X(7, 6) X(8, 7) X(9, 8) X(10, 9) X(11, 10) X(12, 11) X(13, 12) \
        X(14, 13) X(15, 14) X(16, 15) X(17, 16) X(18, 17) X(19, 18) X(20, 19) X(21, 20) X(22, 21)  \
            X(23, 22) X(24, 23) X(25, 24) X(26, 25) X(27, 26) X(28, 27) X(29, 28)
static uint64_t cold_took;
static __attribute__((noinline)) void link_0(int n)
{
    uint64_t begin = now();
    void *volatile p = real_malloc(SIZE);
    cold_took = now() - begin;
    real_free(p);
}
#define LINK(i, before)                                                                            \
    static __attribute__((noinline)) void link_##i(int n)                                          \
    {                                                                                              \
        volatile int pad[i % 7 + 1];                                                               \
        pad[0] = n;                                                                                \
        link_##before(n + i);                                                                      \
        pad[0] += 1;                                                                               \
    }
CHAIN(LINK)

#define STACK 262144u
static unsigned char stack[STACK];
static ucontext_t outer, inner;
static unsigned char *at_call;
static int depth;

static __attribute__((noinline)) void call(void)
{
    at_call = (unsigned char *)__builtin_frame_address(0);
    void *volatile p = real_malloc(SIZE);
    real_free(p);
}

static void on_stack(void)
{
    deep_nofp(depth, call);
    swapcontext(&inner, &outer);
}

/* The lowest byte written on a painted stack, below the frame of the call. */
static size_t stack_used(void)
{
    memset(stack, 0xa5, STACK);
    getcontext(&inner);
    inner.uc_stack.ss_sp = stack;
    inner.uc_stack.ss_size = STACK;
    makecontext(&inner, on_stack, 0);
    swapcontext(&outer, &inner);
    size_t i = 0;
    while (stack[i] == 0xa5)
        i++;
    return (size_t)(at_call - (stack + i));
}

/* On a thread, whose stack lies at the same address whatever environment and arguments there are: where
 * segments begin, and so the instructions, go by addresses. */
static void *warm_nofp(void *n)
{
    deep_nofp(*(int *)n, many);
    return NULL;
}

static void *warm_fp(void *n)
{
    deep_fp(*(int *)n, many);
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    /* Straight to the functions: the lazy binding of a first call is not what is measured. */
    real_malloc = (void *(*)(size_t))dlsym(RTLD_DEFAULT, "malloc");
    real_free = (void (*)(void *))dlsym(RTLD_DEFAULT, "free");
    once();
    if (!strcmp(argv[1], "warm") && argc == 5) {
        n_times = strtoull(argv[4], NULL, 10);
        /* The thread's three are frames as well; many and once. */
        int n = atoi(argv[2]) - 6;
        pthread_t thread;
        if (pthread_create(&thread, NULL, strcmp(argv[3], "fp") ? warm_nofp : warm_fp, &n))
            return 1;
        pthread_join(thread, NULL);
        printf("%.1f\n", (double)best / (double)n_times);
    } else if (!strcmp(argv[1], "cold")) {
        link_29(0);
        printf("%lu\n", cold_took);
    } else if (!strcmp(argv[1], "stack") && argc == 3) {
        depth = atoi(argv[2]);
        size_t first = stack_used(), warm = 0;
        for (int i = 0; i < 20; i++) {
            size_t used = stack_used();
            warm = used > warm ? used : warm;
        }
        printf("%zu %zu\n", first, warm);
    } else {
        return 2;
    }
    return 0;
}

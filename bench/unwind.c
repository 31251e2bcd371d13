/* SPDX-License-Identifier: MIT */
/*
 * What a sample costs: run by bench/unwind.py, bare and preloaded with a rate that samples each of
 * these blocks but does not remember stacks (that is for exact mode).
 *   unwind-bench warm DEPTH fp|nofp N   nanoseconds a malloc and free, DEPTH frames deep
 *   unwind-bench cold                   nanoseconds of a first sample below 30 new functions
 *   unwind-bench beside                 the same, after one below 30 others that lie beside them
 *   unwind-bench faults                 page faults of either
 *   unwind-bench stack DEPTH            bytes of stack that a malloc takes, first and warm
 */
#include "config.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "unwind.h"

typedef void (*then_fn)(void);

void *(*real_malloc)(size_t);
void (*real_free)(void *);

static __attribute__((noinline)) void once(void)
{
    void *volatile p = real_malloc(SIZE);
    real_free(p);
}

/* Where segments begin goes by addresses: so a sample is measured with the stack at several. */
#define PLACES 8
static uint64_t n_times, took_all; /* of the best rounds at each place */

static __attribute__((noinline)) void many(void)
{
    uint64_t best = UINT64_MAX;
    for (int round = 0; round < 5; round++) {
        uint64_t begin = now();
        for (uint64_t i = 0; i < n_times; i++)
            once();
        uint64_t took = now() - begin;
        best = took < best ? took : best;
    }
    took_all += best;
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

static __attribute__((noinline)) void lower(int place, int n, void (*deep)(int, then_fn))
{
    volatile char *room = __builtin_alloca((size_t)place * 208 + 16);
    room[0] = 0;
    deep(n, many);
    room[1] = 0;
}

/* A thread's stack that lies at the same address whatever the environment is, and what the library
 * has mapped: else the instructions differ by 4 %. */
static pthread_attr_t *own_stack(void)
{
    static pthread_attr_t attr;
    const size_t size = 1 << 20;
    void *at = mmap((void *)0x200000000000, size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    pthread_attr_init(&attr);
    return at == MAP_FAILED || pthread_attr_setstack(&attr, at, size) ? NULL : &attr;
}

static void *warm_nofp(void *n)
{
    for (int place = 0; place < PLACES; place++)
        lower(place, *(int *)n, deep_nofp);
    return NULL;
}

static void *warm_fp(void *n)
{
    for (int place = 0; place < PLACES; place++)
        lower(place, *(int *)n, deep_fp);
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
        /* The thread's three are frames as well; lower, many and once. */
        int n = atoi(argv[2]) - 7;
        pthread_t thread;
        if (pthread_create(&thread, own_stack(), strcmp(argv[3], "fp") ? warm_nofp : warm_fp, &n))
            return 1;
        pthread_join(thread, NULL);
        printf("%.1f\n", (double)took_all / PLACES / (double)n_times);
    } else if (!strcmp(argv[1], "cold") || !strcmp(argv[1], "beside")) {
        struct first f = first_through_30(false, false);
        if (!strcmp(argv[1], "beside"))
            f = first_through_30(true, false);
        printf("%lu\n", f.ns);
    } else if (!strcmp(argv[1], "faults")) {
        printf("%ld ", first_through_30(false, true).faults);
        printf("%ld\n", first_through_30(true, true).faults);
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

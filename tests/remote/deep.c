/* SPDX-License-Identifier: MIT */
/* deep SECONDS DEPTH: spends so many seconds of processor time below a stack of so many frames of different functions' sizes. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double used(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static volatile double sum;

__attribute__((noinline)) static void bottom(double end)
{
    while (used() < end)
        for (int i = 0; i < 20000; i++)
            sum += i;
}

#define LEVEL(name, other, room)                                                                   \
    static void other(int depth, double end);                                                      \
    __attribute__((noinline)) static void name(int depth, double end)                              \
    {                                                                                              \
        volatile char here[room];                                                                  \
        here[0] = 1;                                                                               \
        if (depth <= 1)                                                                            \
            bottom(end);                                                                           \
        else                                                                                       \
            other(depth - 1, end);                                                                 \
        here[room - 1] = here[0];                                                                  \
    }
LEVEL(one, two, 16)
LEVEL(two, three, 200)
LEVEL(three, four, 64)
LEVEL(four, one, 500)

int main(int argc, char **argv)
{
    one(argc > 2 ? atoi(argv[2]) : 40, used() + (argc > 1 ? atof(argv[1]) : 1));
    return 0;
}

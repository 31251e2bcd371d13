/* SPDX-License-Identifier: MIT */
/*
 * burn SECONDS [threads|short]: spends so many seconds of processor time, 70, 20 and 10 % of them in
 * three functions; with "threads" in four threads of 40, 30, 20 and 10 %, named part-a to part-d;
 * with "short" in threads that live for 3 ms of it. Exits 3.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

static double used(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#define BURN(name)                                                                                 \
    __attribute__((noinline)) static void name(double seconds)                                     \
    {                                                                                              \
        volatile double sum = 0;                                                                   \
        for (double end = used() + seconds; used() < end;)                                         \
            for (int i = 0; i < 20000; i++)                                                        \
                sum += i;                                                                          \
    }
BURN(seventy)
BURN(twenty)
BURN(ten)

static double total;

static void *part(void *arg)
{
    long i = (long)arg;
    char name[] = "part-a";
    name[5] = (char)('a' + i);
    prctl(PR_SET_NAME, name);
    seventy(total * (double)(4 - i) / 10);
    return NULL;
}

static void *brief(void *arg)
{
    seventy(0.003);
    return arg;
}

int main(int argc, char **argv)
{
    total = argc > 1 ? atof(argv[1]) : 1;
    if (argc > 2 && !strcmp(argv[2], "threads")) {
        pthread_t t[4];
        for (long i = 0; i < 4; i++)
            pthread_create(&t[i], NULL, part, (void *)i);
        for (int i = 0; i < 4; i++)
            pthread_join(t[i], NULL);
        return 3;
    }
    for (double s = 0; argc > 2 && !strcmp(argv[2], "short") && s < total; s += 0.003) {
        pthread_t t;
        if (pthread_create(&t, NULL, brief, NULL) || pthread_join(t, NULL))
            return 1;
    }
    for (double s = 0; argc < 3 && s < total; s += 0.05) {
        seventy(0.035);
        twenty(0.010);
        ten(0.005);
    }
    return 3;
}

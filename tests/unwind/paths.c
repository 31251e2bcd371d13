/* SPDX-License-Identifier: MIT */
/*
 * Trees of calls whose paths the program knows: functions with and without frame pointers, with
 * frames of any size, called from several places, whose stacks have more and less in common with
 * the one before. At each leaf it allocates, and writes down the path itself; at its end it prints
 * what was counted, "COUNT leaf ... root" a line. What the profile says must be the same: stacks
 * that are pieced together from remembered parts are the ones that were there.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N     16
#define DEPTH 28
#define SLOTS 131072u

static struct {
    unsigned char n, path[DEPTH + 1];
    unsigned count;
} table[SLOTS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

struct tour {
    uint64_t x;
    long leaves;
    unsigned n;
    unsigned char path[DEPTH + 1];
    void *kept;
};
typedef void function(struct tour *, int);
static function *const functions[N];

static uint64_t next(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    return *x ^= *x << 17;
}

static __attribute__((noinline)) void note(const struct tour *t)
{
    uint64_t h = 14695981039346656037ull;
    for (unsigned i = 0; i < t->n; i++)
        h = (h ^ t->path[i]) * 1099511628211ull;
    pthread_mutex_lock(&lock);
    for (unsigned i = (unsigned)(h >> 40) % SLOTS;; i = (i + 1) % SLOTS) {
        if (!table[i].count) {
            table[i].n = (unsigned char)t->n;
            memcpy(table[i].path, t->path, t->n);
        }
        if (table[i].n == t->n && !memcmp(table[i].path, t->path, t->n)) {
            table[i].count++;
            break;
        }
    }
    pthread_mutex_unlock(&lock);
}

static inline __attribute__((always_inline)) void body(struct tour *t, int depth, int self,
                                                       volatile char *room)
{
    t->path[t->n++] = (unsigned char)self;
    room[0] = 1;
    uint64_t r = next(&t->x);
    if (depth == 0 || r % 11 == 0) {
        note(t);
        t->leaves--;
        free(t->kept);
        t->kept = malloc(24);
    }
    int calls = depth == 0 ? 0 : 1 + (int)(r >> 8 & 3) % 3;
    for (int i = 0; i < calls && t->leaves > 0; i++) {
        uint64_t which = next(&t->x);
        if (which & 64)
            functions[which % N](t, depth - 1);
        else if (which & 128)
            functions[which / 3 % N](t, depth - 1);
        else
            functions[which / 7 % N](t, depth - 1);
        __asm__ volatile("" ::"r"(room) : "memory");
    }
    t->n--;
    room[0] = 0;
}

#define FUNCTION(i, how)                                                                           \
    __attribute__((noinline, optimize(how))) void path_##i(struct tour *t, int depth);             \
    __attribute__((noinline, optimize(how))) void path_##i(struct tour *t, int depth)              \
    {                                                                                              \
        volatile char room[8 + 40 * i];                                                            \
        body(t, depth, i, room);                                                                   \
    }
#define WITHOUT "omit-frame-pointer"
#define WITH    "no-omit-frame-pointer"
FUNCTION(0, WITHOUT)
FUNCTION(1, WITH)
FUNCTION(2, WITHOUT)
FUNCTION(3, WITHOUT)
FUNCTION(4, WITH)
FUNCTION(5, WITHOUT)
FUNCTION(6, WITH)
FUNCTION(7, WITHOUT)
FUNCTION(8, WITHOUT)
FUNCTION(9, WITH)
FUNCTION(10, WITHOUT)
FUNCTION(11, WITHOUT)

/* Variable frames: the CFA is counted from rbp. */
#define VARIABLE(i)                                                                                \
    __attribute__((noinline)) void path_##i(struct tour *t, int depth);                            \
    __attribute__((noinline)) void path_##i(struct tour *t, int depth)                             \
    {                                                                                              \
        body(t, depth, i, __builtin_alloca(16 + (t->x >> 20) % 300));                              \
    }
VARIABLE(12)
VARIABLE(13)

/* Realigned: the CFA is stored at an offset from rbp. */
#define ALIGNED(i)                                                                                 \
    __attribute__((noinline)) void path_##i(struct tour *t, int depth);                            \
    __attribute__((noinline)) void path_##i(struct tour *t, int depth)                             \
    {                                                                                              \
        _Alignas(64) volatile char room[64];                                                       \
        body(t, depth, i, room);                                                                   \
    }
ALIGNED(14)
ALIGNED(15)

static function *const functions[N] = {path_0,  path_1,  path_2,  path_3, path_4,  path_5,
                                       path_6,  path_7,  path_8,  path_9, path_10, path_11,
                                       path_12, path_13, path_14, path_15};

static void *tour(void *seed)
{
    static const int depths[] = {DEPTH - 1, 9, 4, 2};
    struct tour t = {.x = (uint64_t)(uintptr_t)seed * 0x9e3779b97f4a7c15ull + 1, .leaves = 15000};
    for (int i = 0; t.leaves > 0; i++)
        functions[next(&t.x) % N](&t, depths[i & 3]);
    free(t.kept);
    return NULL;
}

int main(void)
{
    pthread_t threads[2];
    for (uintptr_t i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, tour, (void *)(i + 2));
    tour((void *)1);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < SLOTS; i++) {
        if (!table[i].count)
            continue;
        printf("%u", table[i].count);
        for (unsigned k = table[i].n; k-- > 0;)
            printf(" path_%d", table[i].path[k]);
        putchar('\n');
    }
    return 0;
}

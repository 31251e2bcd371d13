/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdlib.h>

#include "soak.h"

void *__libc_malloc(size_t n);
void __libc_free(void *p);

enum { GROUPS = 15, BATCHES = 40, BATCH = 400 };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Nanoseconds of a free, batch by batch: of the hook's, and of glibc's own right beside it. The lower
 * quartile of each group's batches, then the ratio of the two; of the groups' ratios, all. */
void free_cost(const char *when)
{
    static void *p[BATCH];
    static double of[2][BATCHES], ratio[GROUPS], ours[GROUPS];
    uint64_t x = 88172645463325252ull;
    for (int g = -1; g < GROUPS; g++) { /* the first warms up */
        for (int b = 0; b < 2 * BATCHES; b++) {
            bool raw = b & 1;
            for (int i = 0; i < BATCH; i++)
                p[i] = raw ? __libc_malloc(200) : malloc(200);
            for (int i = BATCH - 1; i > 0; i--) { /* not in the order of addresses */
                unsigned k = (unsigned)(step(&x) % (unsigned)(i + 1));
                void *t = p[i];
                p[i] = p[k];
                p[k] = t;
            }
            int64_t begin = now(CLOCK_MONOTONIC);
            if (raw)
                for (int i = 0; i < BATCH; i++)
                    __libc_free(p[i]);
            else
                for (int i = 0; i < BATCH; i++)
                    free(p[i]);
            of[raw][b / 2] = (double)(now(CLOCK_MONOTONIC) - begin) / BATCH;
        }
        for (int i = 0; i < 2; i++)
            qsort(of[i], BATCHES, sizeof of[i][0], by_value);
        if (g >= 0) {
            ours[g] = of[0][BATCHES / 4];
            ratio[g] = of[0][BATCHES / 4] / of[1][BATCHES / 4];
        }
    }
    qsort(ratio, GROUPS, sizeof ratio[0], by_value);
    qsort(ours, GROUPS, sizeof ours[0], by_value);
    line("{\"at\": \"cost\", \"when\": \"%s\", \"operations\": %ld, \"ns\": %.2f, \"ratio\": %.4f, "
         "\"low\": %.4f, \"high\": %.4f}\n",
         when, (long)operations, ours[GROUPS / 2], ratio[GROUPS / 2], ratio[2], ratio[GROUPS - 3]);
}

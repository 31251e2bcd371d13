/* SPDX-License-Identifier: MIT */
/* malloc at the end of a chain of calls, with frame pointers and without. */
#include "load.h"

#include <stdlib.h>

#ifdef __clang__
#define OPTIMIZE(args) /* both are without frame pointers then */
#else
#define OPTIMIZE(args) __attribute__((optimize(args)))
#endif

#define DEEP(name, args)                                                                           \
    static __attribute__((noinline)) OPTIMIZE(args) void *name(int depth)                          \
    {                                                                                              \
        void *p;                                                                                   \
        if (depth > 0) {                                                                           \
            p = name(depth - 1);                                                                   \
            __asm__ volatile("" ::"r"(p));                                                         \
            return p;                                                                              \
        }                                                                                          \
        return malloc(64);                                                                         \
    }
DEEP(deep, "no-optimize-sibling-calls,omit-frame-pointer")
DEEP(deep_fp, "no-optimize-sibling-calls,no-omit-frame-pointer")

void *load_deep(void *arg)
{
    for (long i = 0; i < load_rounds; i++)
        free(deep(load_depth));
    return arg;
}

void *load_deep_fp(void *arg)
{
    for (long i = 0; i < load_rounds; i++)
        free(deep_fp(load_depth));
    return arg;
}

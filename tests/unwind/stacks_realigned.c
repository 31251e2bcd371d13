/* SPDX-License-Identifier: MIT */
/* Frames whose stack pointer is realigned, with and without a variable part, and a mix of all. */
#include <string.h>

#include "stacks.h"

static volatile char use;

__attribute__((noinline)) void realigned(int n, then_fn then, void *arg)
{
    __attribute__((aligned(64))) char fixed[64];
    char variable[(n & 3) * 40 + 1];
    memset(fixed, n, sizeof fixed);
    memset(variable, n, sizeof variable);
    use = fixed[(unsigned char)use & 63];
    if (n > 1)
        realigned(n - 1, then, arg);
    else
        then(arg);
    KEEP_FRAME();
    use = fixed[(unsigned char)use & 63] + variable[0];
}

struct mixing {
    int n;
    then_fn then;
    void *arg;
};

static __attribute__((noinline)) void mix(void *p)
{
    struct mixing *m = p;
    mixed(m->n, m->then, m->arg);
    KEEP_FRAME();
}

void mixed(int n, then_fn then, void *arg)
{
    struct mixing m = {n - 3, then, arg};
    if (n <= 3)
        then(arg);
    else if (n % 3 == 0)
        deep_o2(1, mix, &m);
    else if (n % 3 == 1)
        deep_o0(1, mix, &m);
    else
        realigned(1, mix, &m);
    KEEP_FRAME();
}

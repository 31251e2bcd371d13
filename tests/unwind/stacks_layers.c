/* SPDX-License-Identifier: MIT */
/* Frames: compiled once with -O2 -fomit-frame-pointer and once with -O0 (LAYER names the function).
 */
#include "stacks.h"

__attribute__((noinline)) void LAYER(int n, then_fn then, void *arg)
{
    volatile char pad[1 + (n & 7) * 24];
    pad[0] = (char)n;
    if (n > 1)
        LAYER(n - 1, then, arg);
    else
        then(arg);
    KEEP_FRAME();
    (void)pad[0];
}

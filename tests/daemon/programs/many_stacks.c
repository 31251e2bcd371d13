/* SPDX-License-Identifier: MIT */
/* 2^17 call stacks with ten live objects each, then sleep: many_stacks [LEVELS [OBJECTS]]. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static volatile int sink;
static int objects = 10;

/* Which of the two calls is taken at each level makes the stack. */
__attribute__((noinline)) static void descend(unsigned bits, int level)
{
    if (!level) {
        for (int i = 0; i < objects; i++)
            *(void *volatile *)malloc(48) = NULL;
    } else if (bits & 1) {
        descend(bits >> 1, level - 1);
        sink++;
    } else {
        descend(bits >> 1, level - 1);
        sink--;
    }
}

int main(int argc, char **argv)
{
    int levels = argc > 1 ? atoi(argv[1]) : 17;
    objects = argc > 2 ? atoi(argv[2]) : objects;
    for (unsigned i = 0; i < 1u << levels; i++)
        descend(i, levels);
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}

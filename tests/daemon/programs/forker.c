/* SPDX-License-Identifier: MIT */
/* 100 objects, a fork, 50 more in the child, which frees and allocates what its parent must not notice. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((noinline)) static void *keep(size_t n)
{
    void *p = malloc(n);
    __asm__ volatile("" ::: "memory");
    return p;
}

int main(void)
{
    int ready[2];
    char byte = 0;
    for (int i = 0; i < 100; i++)
        keep(100);
    if (pipe(ready))
        return 1;
    pid_t child = fork();
    if (!child) {
        for (int i = 0; i < 50; i++)
            keep(100);
        for (int i = 0; i < 1000; i++)
            free(keep(3000));
        if (write(ready[1], &byte, 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    if (read(ready[0], &byte, 1) != 1)
        return 1;
    printf("%d\n", (int)child);
    fflush(stdout);
    for (;;)
        pause();
}

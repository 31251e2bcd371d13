/* SPDX-License-Identifier: MIT */
/* A child that takes over what its parent has, until somebody kills it: prints its pid. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BLOCKS = 100000 };
static void *blocks[BLOCKS];

int main(void)
{
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = malloc(200);
    pid_t child = fork();
    while (!child)
        free(malloc(16));
    printf("%d\n", (int)child);
    fflush(stdout);
    waitpid(child, NULL, 0);
    _exit(0);
}

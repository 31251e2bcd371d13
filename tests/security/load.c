/* SPDX-License-Identifier: MIT */
/* Allocates, says so, waits for the end of its input. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    for (int i = 0; i < 20000; i++) {
        void *volatile p = malloc(500);
        if (i % 3)
            free(p);
    }
    puts("ready");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 5;
}

/* SPDX-License-Identifier: MIT */
/* Executes itself N times; each image leaves as many blocks, of a size of its own, as it is old: exec_itself N */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char text[16];
    int n = argc > 1 ? atoi(argv[1]) : 0;
    for (int i = 0; i <= n; i++)
        *(void *volatile *)malloc((size_t)(1000 + n)) = NULL;
    if (!n)
        return 0;
    snprintf(text, sizeof text, "%d", n - 1);
    execl("/proc/self/exe", argv[0], text, (char *)NULL);
    return 1;
}

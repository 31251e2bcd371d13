/* SPDX-License-Identifier: MIT */
/* A heap whose truth is known: in use at the end are 750 objects of tables (1187250 bytes) and 100
 * of buffers (10000000 bytes). */
#include <stdlib.h>
#include <string.h>

static void *volatile keep[1100];

__attribute__((noinline)) static void *grab(size_t n)
{
    void *p = malloc(n);
    memset(p, 1, n);
    return p;
}

__attribute__((noinline)) static void tables(void)
{
    for (int i = 0; i < 1000; i++)
        keep[i] = grab((size_t)(1000 + i));
}

__attribute__((noinline)) static void buffers(void)
{
    for (int i = 1000; i < 1100; i++)
        keep[i] = calloc(100, 1000);
}

int main(void)
{
    tables();
    buffers();
    for (int i = 0; i < 500; i += 2)
        free(keep[i]);
    return 0;
}

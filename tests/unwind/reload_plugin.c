/* SPDX-License-Identifier: MIT */
/* Compiled with names of one length: libraries of the same layout. */
#include <stdlib.h>

void *NAME(size_t size);
__attribute__((visibility("default"))) void *allocate(size_t size);
__attribute__((visibility("default"))) void *allocate_too(size_t size);

__attribute__((noinline)) void *NAME(size_t size)
{
    void *volatile p = malloc(size);
    return p;
}

void *allocate(size_t size)
{
    void *volatile p = NAME(size);
    return p;
}

void *allocate_too(size_t size)
{
    void *volatile p = malloc(size);
    return p;
}

/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

__attribute__((visibility("default"))) void *grab(size_t n);
void *grab(size_t n)
{
    void *p = malloc(n);
    __asm__ volatile("" : "+r"(p));
    return p;
}

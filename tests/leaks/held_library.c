/* SPDX-License-Identifier: MIT */
/* A library with a table of its own, at a place in it that is known: cache_table + 0x40. */
#include "held_library.h"

static struct {
    void *none[8];
    void *kept;
} cache_table;

void library_keep(void *p)
{
    cache_table.kept = p;
    __asm__ volatile("" : : "g"(&cache_table) : "memory");
}

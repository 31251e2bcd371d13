/* SPDX-License-Identifier: MIT */
/*
 * A program that asks for usable sizes and acts upon them, as redis does: usable. It says what it
 * holds at the end, and fails when blocks of one size are said to have different ones.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT 20000

static const size_t sizes[] = {1, 100, 1030, 1500, 3003, 4097, 9000, 20000};
#define SIZES (sizeof sizes / sizeof *sizes)

static char *ask(int way, size_t size)
{
    if (way == 0)
        return malloc(size);
    if (way == 1)
        return calloc(1, size);
    return realloc(NULL, size);
}

int main(void)
{
    static char *held[COUNT];
    size_t n = 0, least[SIZES], most[SIZES] = {0}, bytes = 0;
    memset(least, 0xff, sizeof least);
    for (unsigned i = 0; i < COUNT; i++) {
        unsigned s = i % SIZES;
        char *p = ask(i / SIZES % 3, sizes[s]);
        size_t usable = malloc_usable_size(p);
        memset(p, 1, usable);
        if (usable < least[s])
            least[s] = usable;
        if (usable > most[s])
            most[s] = usable;
        if (usable > sizes[s] * 11 / 10 + 24) /* too much of it is idle */
            p = realloc(p, sizes[s] * 11 / 10);
        held[n++] = p;
        bytes += usable > sizes[s] * 11 / 10 + 24 ? sizes[s] * 11 / 10 : sizes[s];
    }
    int bad = 0;
    for (unsigned s = 0; s < SIZES; s++)
        if (most[s] - least[s] >
            16) { /* glibc leaves a chunk the 16 bytes that make none of their own */
            fprintf(stderr, "%zu bytes: %zu to %zu\n", sizes[s], least[s], most[s]);
            bad = 1;
        }
    printf("%zu\n", bytes);
    return held[0] ? bad : 1;
}

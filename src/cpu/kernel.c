/* SPDX-License-Identifier: MIT */
/* Reads /proc/kallsyms once and looks addresses up by binary search. */
#include "config.h"

#include "cpu/kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct name {
    uint64_t address;
    char text[56];
};

struct ht_kernel_names {
    struct name *name;
    size_t n;
};

static int by_address(const void *a, const void *b)
{
    const struct name *x = a, *y = b;
    return x->address < y->address ? -1 : x->address > y->address;
}

struct ht_kernel_names *ht_kernel_names_read(void)
{
    FILE *f = fopen("/proc/kallsyms", "re");
    struct ht_kernel_names *k = f ? calloc(1, sizeof *k) : NULL;
    size_t room = 0;
    char line[512], kind;
    unsigned long long address;
    int at;
    while (k && fgets(line, sizeof line, f)) {
        if (sscanf(line, "%llx %c %n", &address, &kind, &at) < 2 || !address ||
            !strchr("tTwW", kind))
            continue;
        if (k->n == room) {
            room = room ? room * 2 : 65536;
            struct name *more = realloc(k->name, room * sizeof *more);
            if (!more)
                break;
            k->name = more;
        }
        struct name *name = &k->name[k->n++];
        name->address = address;
        snprintf(name->text, sizeof name->text, "%.*s", (int)strcspn(line + at, " \t\n"),
                 line + at);
    }
    if (f)
        fclose(f);
    if (k)
        qsort(k->name, k->n, sizeof *k->name, by_address);
    return k;
}

void ht_kernel_names_free(struct ht_kernel_names *k)
{
    if (k)
        free(k->name);
    free(k);
}

const char *ht_kernel_name(const struct ht_kernel_names *k, uint64_t address)
{
    size_t lo = 0, hi = k ? k->n : 0;
    while (lo < hi) {
        size_t middle = (lo + hi) / 2;
        if (k->name[middle].address <= address)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo ? k->name[lo - 1].text : "[kernel]";
}

/* SPDX-License-Identifier: MIT */
/* Roots are kept in the order in which they are read. */
#include "config.h"

#include "leaks/roots.h"

#include <errno.h>
#include <stdlib.h>

void ht_leak_roots_add(struct ht_leak_roots *k, uint64_t at, uint32_t to)
{
    if (k->n == k->room && !k->failed) {
        size_t room = k->room ? 2 * k->room : 4096;
        struct ht_leak_root *more = NULL;
        /* A root's number has 32 bits, and the largest stands for none. */
        if (room >= UINT32_MAX || room * sizeof *more > k->limit)
            k->failed = -E2BIG;
        else if (!(more = reallocarray(k->root, room, sizeof *more)))
            k->failed = -ENOMEM;
        if (more) {
            k->root = more;
            k->room = room;
        }
    }
    if (!k->failed)
        k->root[k->n++] = (struct ht_leak_root){at, to};
}

void ht_leak_roots_free(struct ht_leak_roots *k)
{
    free(k->root);
    k->root = NULL;
    k->n = k->room = 0;
}

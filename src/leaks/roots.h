/* SPDX-License-Identifier: MIT */
/* Roots: words outside of all blocks that point into a block. */
#ifndef HEAPTAP_SRC_LEAKS_ROOTS_H
#define HEAPTAP_SRC_LEAKS_ROOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The origin of a word that lies in no memory. */
enum ht_leak_loose_kind {
    HT_LOOSE_REGISTER = 1, /* number: its index in ht_all_regs */
    HT_LOOSE_CALL,         /* an argument; number: of the system call */
    HT_LOOSE_TIMER,
    HT_LOOSE_EPOLL,
};

/* Marks a value that stands in place of an address; no address is so high. Without anything else:
 * the origin is not known. */
#define HT_LEAK_LOOSE (1ull << 63)

static inline uint64_t ht_leak_loose(enum ht_leak_loose_kind kind, unsigned number, pid_t tid)
{
    return HT_LEAK_LOOSE | (uint64_t)kind << 56 | (uint64_t)(number & 0xffffff) << 32 |
           (uint32_t)tid;
}

static inline bool ht_leak_is_loose(uint64_t at)
{
    return at >> 63;
}

struct ht_leak_roots {
    struct ht_leak_root {
        uint64_t at; /* the address of the word; or ht_leak_loose */
        uint32_t to; /* the node that it points to; in a walk the granule */
    } * root;
    size_t n, room;
    uint64_t limit; /* bytes that all this may take */
    int failed;     /* -ENOMEM, -E2BIG */
};

/* roots.c */
void ht_leak_roots_add(struct ht_leak_roots *k, uint64_t at, uint32_t to);
void ht_leak_roots_free(struct ht_leak_roots *k);

#endif

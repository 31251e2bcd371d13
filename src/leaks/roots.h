/* SPDX-License-Identifier: MIT */
/* Where the words lie that point into blocks from outside of all blocks. */
#ifndef HEAPTAP_SRC_LEAKS_ROOTS_H
#define HEAPTAP_SRC_LEAKS_ROOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Words that lie in no memory. */
enum ht_leak_loose_kind {
    HT_LOOSE_REGISTER = 1, /* number: ht_all_regs has it there */
    HT_LOOSE_CALL,         /* an argument of the system call of that number */
    HT_LOOSE_TIMER,
    HT_LOOSE_EPOLL,
};

/* In place of an address, of which none is so high; alone: it is not known from where. */
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
        uint64_t at; /* where the word lies; or ht_leak_loose */
        uint32_t to; /* what it points to: a node; in a walk a granule */
    } * root;
    size_t n, room;
    uint64_t limit; /* bytes that all this may take */
    int failed;     /* -ENOMEM, -E2BIG */
};

/* roots.c */
void ht_leak_roots_add(struct ht_leak_roots *k, uint64_t at, uint32_t to);
void ht_leak_roots_free(struct ht_leak_roots *k);

#endif

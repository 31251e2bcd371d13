/* SPDX-License-Identifier: MIT */
/* Pointers of threads and of the kernel: which parts of stacks are in use, and words that are in no
 * memory that can be read. From outside; one thread at a time. */
#ifndef HEAPTAP_SRC_LEAKS_THREADS_H
#define HEAPTAP_SRC_LEAKS_THREADS_H

#include "leaks/leaks.h"
#include "leaks/roots.h"

/* The unused part of a waiting thread's stack, below its red zone. Words there are left over from
 * earlier calls, as long as the thread does not run. */
struct ht_leak_unused {
    pid_t tid;
    uint64_t start, end;
    uint64_t runs; /* how often the thread had run */
};

struct ht_leak_threads {
    struct ht_leak_unused *unused; /* by address */
    size_t n;
    uint64_t *word; /* arguments of system calls, data of epoll and of timers */
    uint64_t *from; /* the origin of each word: ht_leak_loose */
    size_t n_words, room;
    unsigned threads;
};

/* Reads all of this. block: sorted by address; a stack that contains a block is not known to be a
 * thread's own, and counts as used. 0 or -errno; ht_leak_threads_free in either case. */
int ht_leak_threads_read(struct ht_remote *r, const struct ht_leak_block *block, size_t n,
                         struct ht_leak_threads *out);
void ht_leak_threads_free(struct ht_leak_threads *t);

/* Whether the thread has not run since. */
bool ht_leak_unused_still(const struct ht_remote *r, const struct ht_leak_unused *u);

/* kernel.c: adds the words that the kernel keeps for the program. */
void ht_leak_kernel_words(const struct ht_remote *r, struct ht_leak_threads *out);
void ht_leak_add_word(struct ht_leak_threads *t, uint64_t word, uint64_t from);

/* Stops each thread for a moment, and passes its general registers to fn. Sets l->stopped,
 * unstopped and longest_stop_ns. 0 or -errno. */
int ht_leak_registers(struct ht_remote *r, struct ht_leaks *l,
                      void (*fn)(void *ctx, const uint64_t *words, const uint64_t *from, size_t n),
                      void *ctx);

#endif

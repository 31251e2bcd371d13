/* SPDX-License-Identifier: MIT */
/* What threads and the kernel hold: stacks that are in use from sp up, and words that are in no
 * memory that can be read. */
#ifndef HEAPTAP_SRC_LEAKS_THREADS_H
#define HEAPTAP_SRC_LEAKS_THREADS_H

#include "leaks/leaks.h"
#include "leaks/roots.h"

/* The part of a stack that lies below the red zone of a thread that waits: what stands there is
 * left over, as long as the thread does not run. */
struct ht_leak_unused {
    pid_t tid;
    uint64_t start, end;
    uint64_t runs; /* how often the thread had run */
};

struct ht_leak_threads {
    struct ht_leak_unused *unused; /* by address */
    size_t n;
    uint64_t *word; /* arguments of system calls, data of epoll and of timers */
    uint64_t *from; /* of each: ht_leak_loose */
    size_t n_words, room;
    unsigned threads;
};

/* Reads all of it. block: sorted; a stack that one lies in is no stack of a thread's own. 0 or
 * -errno; free in any case. */
int ht_leak_threads_read(struct ht_remote *r, const struct ht_leak_block *block, size_t n,
                         struct ht_leak_threads *out);
void ht_leak_threads_free(struct ht_leak_threads *t);

/* Whether the thread has not run since. */
bool ht_leak_unused_still(const struct ht_remote *r, const struct ht_leak_unused *u);

/* kernel.c: adds the words that the kernel keeps for the program. */
void ht_leak_kernel_words(const struct ht_remote *r, struct ht_leak_threads *out);
void ht_leak_add_word(struct ht_leak_threads *t, uint64_t word, uint64_t from);

/* The general registers of every thread, each stopped for a moment: fn takes its words. Into l:
 * stopped, unstopped, longest_stop_ns. */
int ht_leak_registers(struct ht_remote *r, struct ht_leaks *l,
                      void (*fn)(void *ctx, const uint64_t *words, const uint64_t *from, size_t n),
                      void *ctx);

#endif

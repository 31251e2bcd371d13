/* SPDX-License-Identifier: MIT */
/* All threads of a process, stopped at once for as long as it is looked at. */
#ifndef HEAPTAP_SRC_LEAKS_HOLD_H
#define HEAPTAP_SRC_LEAKS_HOLD_H

#include "leaks/leaks.h"

struct ht_leak_hold {
    struct ht_leak_held {
        pid_t tid;
        int signal; /* that arrived meanwhile, and is delivered when the thread goes on */
    } * held;
    size_t n, room;
    uint64_t *word; /* their registers */
    size_t n_words;
    uint64_t began_ns;
    unsigned threads; /* there are */
    bool all;         /* nothing can move: all are held, or there is one and it waits */
};

/*
 * Stops them (PTRACE_SEIZE, PTRACE_INTERRUPT) but for one that is alone. Where one cannot be
 * stopped all go on, and `all` is false. The calling thread is their tracer: it must be one that
 * ends soon, for what dies while it is held is cleared away when its tracer ends. 0 or -errno;
 * release in any case.
 */
int ht_leak_hold(struct ht_remote *r, struct ht_leak_hold *out);

/* Lets them go on. */
void ht_leak_release(struct ht_leak_hold *h);

#endif

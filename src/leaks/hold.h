/* SPDX-License-Identifier: MIT */
/* Stops all threads of a process at once, for as long as its memory is looked at. */
#ifndef HEAPTAP_SRC_LEAKS_HOLD_H
#define HEAPTAP_SRC_LEAKS_HOLD_H

#include "leaks/leaks.h"

struct ht_leak_hold {
    struct ht_leak_held {
        pid_t tid;
        int signal; /* a signal that arrived meanwhile; delivered when the thread goes on */
    } * held;
    size_t n, room;
    uint64_t *word; /* the registers of all of them */
    size_t n_words;
    uint64_t began_ns;
    unsigned threads; /* the process has */
    bool all;         /* no pointer can move: all are held, or the only thread waits */
};

/*
 * Stops the threads (PTRACE_SEIZE, PTRACE_INTERRUPT), unless there is only one. Where a thread
 * cannot be stopped, all go on, and `all` is false. The calling thread becomes their tracer. It
 * must end soon, because a thread that dies while it is held is reaped only when its tracer ends. 0
 * or -errno; ht_leak_release in either case.
 */
int ht_leak_hold(struct ht_remote *r, struct ht_leak_hold *out);

/* Lets the threads go on. */
void ht_leak_release(struct ht_leak_hold *h);

#endif

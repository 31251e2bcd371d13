/* SPDX-License-Identifier: MIT */
/* Where the threads of a process stand, in repeated looks: a count that climbs is a thread leak. */
#ifndef HEAPTAP_SRC_CLI_PROCESS_WATCH_THREADS_H
#define HEAPTAP_SRC_CLI_PROCESS_WATCH_THREADS_H

#include <stddef.h>
#include <sys/types.h>

struct ht_thread_place {
    char *stack;     /* names, leaf first; its own */
    char *name;      /* of the threads, digits folded; its own */
    long first, now; /* how many at the first look, and now */
    unsigned rises;  /* looks with more than at the look before */
    unsigned falls;  /* and with fewer */
};

struct ht_thread_watch {
    pid_t pid;
    char program[64];
    struct ht_thread_place *places; /* sorted by growth */
    size_t n, room;
    long first, now; /* threads */
    unsigned looks;
};

/* Looks once. 0 or -errno with a line in msg; -ESRCH: the process has ended. */
int ht_thread_watch_look(struct ht_thread_watch *w, char *msg, size_t msg_size);
void ht_thread_watch_finish(struct ht_thread_watch *w);

/* True when at least three looks had more threads there than the look before, and none fewer. */
int ht_thread_place_climbs(const struct ht_thread_place *p);

#endif

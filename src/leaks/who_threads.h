/* SPDX-License-Identifier: MIT */
/* The threads of a process at the beginning of a look for holders. Private to the room. */
#ifndef HEAPTAP_SRC_LEAKS_WHO_THREADS_H
#define HEAPTAP_SRC_LEAKS_WHO_THREADS_H

#include "leaks/leaks.h"

/* The copy of a thread that was taken while it was stopped. */
struct ht_who_copy {
    pid_t tid;
    uint64_t at; /* of the stack, from sp up */
    uint64_t *word;
    size_t n;
    uint64_t regs[HT_N_REGS];
};

struct ht_who_threads {
    struct ht_remote_threads all;
    pid_t *inner; /* of each, the number that the process itself sees: it may be in a container */
    struct ht_who_copy *copy; /* with `stop`: of each thread that was stopped */
    size_t n_copies;
};

/* Reads the threads and their stacks. With `stop`, each thread is stopped while its stack is
 * copied. Sets l->threads, stopped, unstopped and longest_stop_ns. 0, or -errno with msg.
 * ht_who_threads_free in either case. */
int ht_who_threads_read(struct ht_remote *r, bool stop, struct ht_leaks *l,
                        struct ht_who_threads *out, char *msg, size_t msg_size);
void ht_who_threads_free(struct ht_who_threads *t);

/* The thread with that number; NULL: there was none. */
const struct ht_remote_thread *ht_who_thread(const struct ht_who_threads *t, pid_t tid);

/* The thread that the process itself knows by that number; 0: there was none. */
pid_t ht_who_thread_seen_as(const struct ht_who_threads *t, pid_t inner);

/* Whether the stack that was read is still valid: it was copied, or the thread has not run since.
 */
bool ht_who_thread_still(struct ht_remote *r, const struct ht_remote_thread *t);

#endif

/* SPDX-License-Identifier: MIT */
/* Runs a program as if it ran alone: signals, terminal and exit status. */
#ifndef HEAPTAP_SRC_CLI_RUN_CHILD_H
#define HEAPTAP_SRC_CLI_RUN_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct ht_child {
    const char *path; /* of the program */
    char **argv;      /* NULL-terminated */
    bool shell;       /* what the kernel cannot run is a script without a first line */
    /* In the child, before the program replaces it. May be NULL. */
    void (*prepare)(void *ctx, pid_t own);
    /* While the program runs: after 50 ms, then ever more seldom, to once a second. May be NULL. */
    void (*tick)(void *ctx);
    /* When it has ended, and /proc still has it: not yet waited for. May be NULL. */
    void (*ended)(void *ctx, pid_t pid);
    void *ctx;
    pid_t *started; /* gets its pid once it runs */
    /* Gets the most memory that it, or a child it waited for, had resident; bytes. */
    uint64_t most_resident;
};

/*
 * Starts it and waits for it. Terminal signals are the program's affair; others that somebody sends
 * to this process go on to it. Returns its exit status (128 + N when signal N ended it), or -errno
 * when it could not be started.
 */
int ht_child_run(struct ht_child *c);

#endif

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
    bool shell;       /* when the kernel cannot run the file, the shell reads it */
    /* In the child, before the program replaces it. May be NULL. */
    void (*prepare)(void *ctx, pid_t own);
    /* While the program runs: after 50 ms, then less and less often, down to once a second. May
     * be NULL. */
    void (*tick)(void *ctx);
    /* When it or another child has changed, or somebody sent SIGCHLD. May be NULL. */
    void (*woken)(void *ctx);
    /* Whether a child is traced by a thread of this process, which waits for it. May be NULL. */
    bool (*traced)(void *ctx);
    /* When it has ended but was not waited for, so that /proc still shows it. May be NULL. */
    void (*ended)(void *ctx, pid_t pid);
    void *ctx;
    pid_t *started; /* gets its pid once it runs */
    /* Gets the largest resident memory, in bytes, of it or of a child that it waited for. */
    uint64_t most_resident;
};

/*
 * Starts it and waits for it. Terminal signals are left to the program; others that are sent to
 * this process are passed on to it. Returns its exit status (128 + N when signal N ended it), or
 * -errno when it could not be started.
 */
int ht_child_run(struct ht_child *c);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * run --leaks: each process of the run waits at its end (target/process/leak_wait.h) until it has
 * been looked through. One after the other, in a thread, so that signals are passed on meanwhile.
 */
#ifndef HEAPTAP_SRC_CLI_RUN_LEAKS_H
#define HEAPTAP_SRC_CLI_RUN_LEAKS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "cli/run/regions.h"
#include "leaks/leaks.h"
#include "profile/suppressions.h"

/* A process that left leaked blocks, until it is reported. */
struct ht_run_leaky;

struct ht_run_leaks {
    struct ht_suppressions suppressions;
    bool names;     /* put names into the profile */
    bool quiet;     /* print what leaked, and failures */
    size_t looked;  /* processes that were looked at */
    size_t leaking; /* of them: where something leaked that is not suppressed */
    size_t failures;
    char failure[512]; /* the first */
    size_t suppressed; /* blocks */
    struct ht_run_leaky *found;
    size_t n_found;
    char *report; /* of those that were reported already */
    size_t report_size;
    FILE *out;

    /* The process that is looked at now; the thread's until it says that it has ended. */
    bool busy;
    _Atomic bool done;
    pthread_t thread;
    pid_t pid;
    int err;
    char msg[512];
    struct ht_leaks *now;
    int file;          /* its region, to write to; -1: nobody is looked at */
    uint32_t beat;     /* of those that wait */
    uint32_t own_beat; /* the thread's: of the one that is looked at */
    char name[64];
    uint64_t beat_ns; /* when those that wait were last told to go on waiting */
    struct ht_run_regions *regions;
};

/* 0, or -ENOMEM. finish in any case. */
int ht_run_leaks_init(struct ht_run_leaks *k, struct ht_run_regions *r);

/* Takes up what the last look found, and begins with the next process that waits. Not to be called
 * by two threads. */
void ht_run_leaks_step(struct ht_run_leaks *k);

/* Whether a look is under way: its process is traced, and this process is not to wait for it. */
bool ht_run_leaks_busy(const struct ht_run_leaks *k);

/* Until nobody waits any more. */
void ht_run_leaks_drain(struct ht_run_leaks *k);

/* Names, writes and prints what was found, on standard error. */
void ht_run_leaks_report(struct ht_run_leaks *k);
void ht_run_leaks_finish(struct ht_run_leaks *k);

#endif

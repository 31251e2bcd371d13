/* SPDX-License-Identifier: MIT */
/* Where a process spends processor time, sampled from outside. */
#ifndef HEAPTAP_SRC_CPU_CPU_H
#define HEAPTAP_SRC_CPU_CPU_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ht_profile;

struct ht_cpu_options {
    pid_t pid;            /* a process, with its threads and what they start; or */
    char *const *program; /* a program to start and follow to its end; NULL for a pid */
    double seconds;       /* 0: until the program ends, or *stop */
    unsigned frequency;   /* samples for each second of processor time */
    bool kernel;          /* time in the kernel too */
    bool ptrace;          /* by stopping threads that run, where perf events are refused */
    const volatile sig_atomic_t *stop; /* set by a signal handler: not 0 ends the sampling */
};

struct ht_cpu_summary {
    uint64_t samples, lost, truncated;
    int status;         /* the program's status, as from wait(2) */
    int exec_errno;     /* not 0: the program could not be started */
    char exe[4096];     /* what /proc/PID/exe leads to */
    char program[4096]; /* the same, or the link to it that it was started by */
    double seconds;     /* that were sampled */
    double used;        /* seconds of processor time, the kernel's included; 0: not known */
    double sampled;     /* of them */
};

/*
 * sample.c: samples, and makes a profile samples/count, cpu/nanoseconds without names (but the
 * kernel's), with the label thread. NULL with *err (-errno) and a line in msg that says what is in
 * the way.
 */
struct ht_profile *ht_cpu_sample(const struct ht_cpu_options *o, struct ht_cpu_summary *summary,
                                 int *err, char *msg, size_t msg_size);

#endif

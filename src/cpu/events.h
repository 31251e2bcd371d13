/* SPDX-License-Identifier: MIT */
/*
 * Samples of processor time from the kernel (perf_event_open(2)): software event cpu-clock, which
 * every kernel has, with the user's registers and a copy of the top of the stack. The events are
 * ours; the process that is sampled has no part in it.
 */
#ifndef HEAPTAP_SRC_CPU_EVENTS_H
#define HEAPTAP_SRC_CPU_EVENTS_H

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cfi/cfi.h"

struct ht_event_options {
    unsigned frequency; /* samples a second of processor time */
    bool kernel;        /* time in the kernel too, with its frames */
    bool on_exec;       /* begin when the thread executes a program, else at ht_events_start */
};

struct ht_ring; /* of one processor */

struct ht_events {
    struct ht_ring *rings;
    size_t n_rings;
    int *fds;
    size_t n_fds;
    bool kernel;
    unsigned char *whole; /* a record that begins at a ring's end and goes on at its beginning */
    /* Records that were taken from the rings and wait for their turn. */
    unsigned char *held;
    size_t held_size, held_room;
    struct ht_held_record {
        uint64_t time;
        size_t at;
    } * order;
    size_t n_order, order_room;
};

/* A sample, as the kernel wrote it; the pointers are into the record. */
struct ht_event_sample {
    pid_t pid, tid;
    uint64_t time, period;
    const uint64_t *kernel; /* kernel frames, leaf first */
    size_t n_kernel;
    bool has_regs;
    struct ht_all_regs regs;
    const unsigned char *stack;
    size_t stack_size;
};

/*
 * Opens an event for each thread on each processor; threads and processes that they start later are
 * sampled with them. 0 or -errno with a line in msg that says what is in the way and what helps.
 */
int ht_events_open(struct ht_events *e, const pid_t *tids, size_t n,
                   const struct ht_event_options *o, char *msg, size_t msg_size);
void ht_events_close(struct ht_events *e); /* safe on a zeroed one */

void ht_events_start(struct ht_events *e);
void ht_events_stop(struct ht_events *e);

/* Seconds of processor time that all of them used so far, the kernel's included, and those threads'
 * that used less than a period and have no sample: each begins with a whole one. */
double ht_events_used(const struct ht_events *e);

/* Waits until a ring is a quarter full, at most so many milliseconds. */
void ht_events_wait(struct ht_events *e, int ms);

/*
 * Passes the records of all processors on in the order of their time, up to `until` (of
 * CLOCK_MONOTONIC; UINT64_MAX: all). 0 or -ENOMEM.
 */
int ht_events_drain(struct ht_events *e, uint64_t until,
                    void (*record)(void *ctx, const struct perf_event_header *h), void *ctx);

/* False when the record is damaged. */
bool ht_event_read_sample(const struct ht_events *e, const struct perf_event_header *h,
                          struct ht_event_sample *s);

#endif

/* SPDX-License-Identifier: MIT */
/* The state of a sampling: the processes, their threads' names, and the stacks so far. */
#ifndef HEAPTAP_SRC_CPU_SESSION_H
#define HEAPTAP_SRC_CPU_SESSION_H

#include <linux/perf_event.h>

#include "cpu/cpu.h"
#include "cpu/events.h"
#include "cpu/stacks.h"
#include "remote/remote.h"

struct ht_space; /* a process */

struct ht_session {
    const struct ht_cpu_options *options;
    struct ht_cpu_summary *summary;
    struct ht_events events;
    struct ht_stacks *stacks;
    struct ht_space *spaces;
    struct ht_thread_name *names;
    struct ht_remote_thread *walked; /* the current sample */
    int err;                         /* the first failure; nothing is added after it */
};

/* A record of the kernel's; ctx is the session. */
void ht_session_record(void *ctx, const struct perf_event_header *h);

/* The process of that number, with the maps that it has now when it was not known. NULL: no memory.
 */
struct ht_remote *ht_session_process(struct ht_session *s, pid_t pid);

/* A stack of a thread, with what it stands for. */
void ht_session_add(struct ht_session *s, struct ht_remote *r, pid_t tid,
                    const struct ht_all_regs *regs, const struct ht_remote_stack *stack,
                    const uint64_t *kernel, size_t n_kernel, int64_t ns);

void ht_session_finish(struct ht_session *s);

#endif

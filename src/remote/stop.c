/* SPDX-License-Identifier: MIT */
/*
 * PTRACE_SEIZE and PTRACE_INTERRUPT stop a thread without a signal that it or its parent could see.
 * A signal that arrives at the same moment stops it first, and is handed on when it is let go.
 */
#include "config.h"

#include <errno.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#include "remote/remote.h"

#define PATIENCE 250 /* looks, over 150 ms in all */
#define YIELDS   50

static void take(const struct user_regs_struct *u, struct ht_all_regs *regs)
{
    const unsigned long long r[HT_N_REGS] = {u->rax, u->rdx, u->rcx, u->rbx, u->rsi, u->rdi,
                                             u->rbp, u->rsp, u->r8,  u->r9,  u->r10, u->r11,
                                             u->r12, u->r13, u->r14, u->r15, u->rip};
    for (unsigned i = 0; i < HT_N_REGS; i++)
        regs->r[i] = r[i];
    regs->known = (1u << HT_N_REGS) - 1;
}

/* 0 once the thread is stopped, *signal what it is to get when it goes on. */
static int wait_for_stop(pid_t tid, int *signal)
{
    for (int i = 0; i < PATIENCE; i++) {
        int status;
        pid_t got = waitpid(tid, &status, __WALL | WNOHANG);
        if (got < 0 && errno != EINTR)
            return -errno;
        if (got == tid) {
            *signal = WIFSTOPPED(status) && status >> 16 == 0 ? WSTOPSIG(status) : 0;
            return WIFSTOPPED(status) ? 0 : -ESRCH;
        }
        /* The thread needs the processor for a moment; yielding gives it that, while a sleep
         * would keep it stopped until this process wakes. */
        struct timespec t = {0, i < YIELDS + 50 ? 20000 : 1000000};
        if (i < YIELDS)
            sched_yield();
        else
            nanosleep(&t, NULL);
    }
    return -EBUSY; /* in an uninterruptible wait; it is detached when this process ends */
}

int ht_remote_stop_thread(struct ht_remote *r, pid_t tid, struct ht_all_regs *regs,
                          struct ht_remote_stack *stack, size_t room)
{
    struct user_regs_struct u;
    int signal = 0, err;
    if (ptrace(PTRACE_SEIZE, tid, NULL, NULL))
        return -errno;
    err = ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) ? -errno : wait_for_stop(tid, &signal);
    if (!err && ptrace(PTRACE_GETREGS, tid, NULL, &u))
        err = -errno;
    if (!err) {
        take(&u, regs);
        const struct ht_remote_map *m = ht_remote_map_at(r, u.rsp);
        size_t n = m && m->end - u.rsp < room ? m->end - u.rsp : room;
        ssize_t got = ht_remote_read(r, u.rsp, stack->data, n);
        stack->at = u.rsp;
        stack->n = got > 0 ? (size_t)got : 0;
    }
    ptrace(PTRACE_DETACH, tid, NULL, signal);
    return err;
}

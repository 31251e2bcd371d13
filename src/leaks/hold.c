/* SPDX-License-Identifier: MIT */
/*
 * Threads are stopped one after the other. Then the list of threads is read again, until it has no
 * new one: a thread that was not stopped yet may have started another.
 */
#include "config.h"

#include "leaks/hold.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#include "leaks/areas.h"

#define PATIENCE 2000 /* looks at one thread, over 2 s */
#define YIELDS   50
#define WORDS    (sizeof(struct user_regs_struct) / sizeof(uint64_t))

static bool is_held(const struct ht_leak_hold *h, pid_t tid)
{
    for (size_t i = h->n; i--;)
        if (h->held[i].tid == tid)
            return true;
    return false;
}

/* Waits until the thread has stopped. It does not reap the process, whose parent waits for it. */
static int wait_for_stop(pid_t tid, int *signal)
{
    for (int i = 0; i < PATIENCE; i++) {
        siginfo_t info = {0};
        struct timespec t = {0, i < YIELDS + 50 ? 20000 : 1000000};
        if (waitid(P_PID, (id_t)tid, &info, WSTOPPED | WNOHANG | __WALL) && errno != EINTR)
            return -errno;
        if (info.si_pid == tid) {
            /* The upper bits have a ptrace event; then there is no signal to deliver. */
            *signal = info.si_status >> 8 ? 0 : info.si_status;
            return 0;
        }
        if (i < YIELDS)
            sched_yield();
        else
            nanosleep(&t, NULL);
    }
    return -EBUSY;
}

static int make_room(struct ht_leak_hold *h)
{
    if (h->n < h->room)
        return 0;
    size_t room = h->room ? 2 * h->room : 64;
    struct ht_leak_held *held = reallocarray(h->held, room, sizeof *held);
    if (held)
        h->held = held;
    uint64_t *word = reallocarray(h->word, room * WORDS, sizeof *word);
    if (word)
        h->word = word;
    if (!held || !word)
        return -ENOMEM;
    h->room = room;
    return 0;
}

/* A thread that has ended, and whose entry stays while others run: the first thread may. */
static bool has_ended(const struct ht_remote *r, pid_t tid)
{
    struct ht_remote_thread t = {.tid = tid};
    return !ht_remote_thread_read(r, &t) || t.state == 'Z' || t.state == 'X';
}

/* Stops one thread. 0 also when it has ended. */
static int hold_one(const struct ht_remote *r, struct ht_leak_hold *h, pid_t tid)
{
    int err = make_room(h);
    if (err)
        return err;
    if (ptrace(PTRACE_SEIZE, tid, NULL, NULL)) {
        err = -errno;
        return has_ended(r, tid) ? 0 : err;
    }
    struct ht_leak_held *held = &h->held[h->n++];
    *held = (struct ht_leak_held){.tid = tid};
    if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL))
        return errno == ESRCH ? 0 : -errno;
    err = wait_for_stop(tid, &held->signal);
    if (!err && ptrace(PTRACE_GETREGS, tid, NULL, h->word + h->n_words))
        err = -errno;
    if (!err)
        h->n_words += WORDS;
    return err == -ESRCH || err == -ECHILD ? 0 : err;
}

/* Stops the threads that are not held yet. Returns how many there were, or -errno. */
static int hold_new(const struct ht_remote *r, struct ht_leak_hold *h)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)r->pid);
    DIR *d = opendir(path);
    int err = 0, found = 0;
    if (!d)
        return errno == ENOENT ? -ESRCH : -errno;
    for (struct dirent *e; !err && (e = readdir(d));) {
        pid_t tid = atoi(e->d_name);
        if (tid <= 0 || is_held(h, tid) || has_ended(r, tid))
            continue;
        err = hold_one(r, h, tid);
        found++;
    }
    closedir(d);
    return err ? err : found;
}

static unsigned count_threads(const struct ht_remote *r)
{
    char path[64];
    unsigned n = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)r->pid);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        n += atoi(e->d_name) > 0 && !has_ended(r, atoi(e->d_name));
    if (d)
        closedir(d);
    return n;
}

static void let_go(struct ht_leak_hold *h)
{
    for (size_t i = 0; i < h->n; i++)
        ptrace(PTRACE_DETACH, h->held[i].tid, NULL, h->held[i].signal);
    h->n = h->n_words = 0;
}

int ht_leak_hold(struct ht_remote *r, struct ht_leak_hold *h)
{
    *h = (struct ht_leak_hold){.began_ns = ht_leak_now_ns(), .threads = count_threads(r)};
    if (h->threads <= 1) {
        h->all = h->threads == 1;
        return 0;
    }
    int found;
    while ((found = hold_new(r, h)) > 0)
        ;
    h->all = !found;
    if (found)
        let_go(h);
    return found == -ENOMEM || found == -ESRCH ? found : 0;
}

void ht_leak_release(struct ht_leak_hold *h)
{
    let_go(h);
    free(h->held);
    free(h->word);
    *h = (struct ht_leak_hold){0};
}

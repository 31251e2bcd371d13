/* SPDX-License-Identifier: MIT */
/*
 * The threads of a process and their stacks. A blocked thread is not stopped: the kernel tells its
 * sp and pc and the system call it waits in, its stack is read, and the stack counts when the
 * number of times it ran is the same afterwards. A thread that runs is looked at a few times, since
 * most that run at one moment wait at the next.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "remote/remote.h"

#define STACK_FIRST (16u << 10) /* copied at once; what lies above is read page by page */
#define STACK_ALL   (256u << 10)
#define LOOKS       6

/* A small file of a thread. Its length, or -errno. */
static ssize_t read_file(const struct ht_remote *r, pid_t tid, const char *name, char *buf,
                         size_t size)
{
    char path[80];
    snprintf(path, sizeof path, "/proc/%d/task/%d/%s", (int)r->pid, (int)tid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, buf, size - 1);
    int err = errno;
    close(fd);
    buf[n > 0 ? n : 0] = 0;
    return n < 0 ? -err : n;
}

uint64_t ht_remote_thread_runs(const struct ht_remote *r, pid_t tid)
{
    char buf[4096];
    unsigned long long on, waited, times;
    if (read_file(r, tid, "schedstat", buf, sizeof buf) > 0 &&
        sscanf(buf, "%llu %llu %llu", &on, &waited, &times) == 3 && times)
        return times + 1;
    uint64_t sum = 0;
    if (read_file(r, tid, "status", buf, sizeof buf) > 0)
        for (char *at = buf; (at = strstr(at, "ctxt_switches:")); at++)
            sum += strtoull(at + strlen("ctxt_switches:"), NULL, 10) + 1;
    return sum;
}

/* When a thread last ran, on the scheduler's clock; -1: the kernel does not say (it is built
 * without CONFIG_SCHED_DEBUG). */
static int64_t last_ran(const struct ht_remote *r, pid_t tid, pid_t pid)
{
    char buf[512];
    struct ht_remote other = {.pid = pid ? pid : r->pid};
    if (read_file(&other, tid, "sched", buf, sizeof buf) <= 0)
        return -1;
    const char *at = strstr(buf, "se.exec_start"), *colon = at ? strchr(at, ':') : NULL;
    return colon ? (int64_t)(strtod(colon + 1, NULL) * 1e6) : -1;
}

/* Where the thread waits; call -1 and pc 0 when it runs. False: it has gone. */
static bool read_call(const struct ht_remote *r, struct ht_remote_thread *t)
{
    char buf[256];
    t->call = -1;
    t->sp = t->pc = 0;
    if (read_file(r, t->tid, "syscall", buf, sizeof buf) <= 0)
        return false;
    long long call;
    unsigned long long a[8];
    int k = sscanf(buf, "%lld %llx %llx %llx %llx %llx %llx %llx %llx", &call, a, a + 1, a + 2,
                   a + 3, a + 4, a + 5, a + 6, a + 7);
    if (k == 9) {
        t->call = call;
        for (int i = 0; i < 6; i++)
            t->args[i] = a[i];
        t->sp = a[6];
        t->pc = a[7];
    } else if (k == 3) { /* "-1 sp pc": blocked, and in no system call */
        t->sp = a[0];
        t->pc = a[1];
    }
    return true;
}

bool ht_remote_thread_read(const struct ht_remote *r, struct ht_remote_thread *t)
{
    char buf[512];
    ssize_t n = read_file(r, t->tid, "stat", buf, sizeof buf);
    char *open = n > 0 ? strchr(buf, '(') : NULL, *close = open ? strrchr(buf, ')') : NULL;
    if (!close || close[1] != ' ')
        return false;
    *close = 0;
    snprintf(t->name, sizeof t->name, "%s", open + 1);
    t->state = close[2];
    n = read_file(r, t->tid, "wchan", buf, sizeof t->wchan);
    snprintf(t->wchan, sizeof t->wchan, "%.63s", n > 0 && strcmp(buf, "0") ? buf : "");
    read_call(r, t);
    return true;
}

/* Reads the stack of a thread that waits. False: it ran in the meantime, or runs. */
static bool read_blocked(struct ht_remote *r, struct ht_remote_thread *t, unsigned char *room)
{
    struct ht_remote_stack stack = {.data = room};
    struct ht_remote_thread again = {.tid = t->tid, .call = -1};
    uint64_t runs = ht_remote_thread_runs(r, t->tid);
    if (!ht_remote_thread_read(r, t) || !t->pc || !runs)
        return false;
    const struct ht_remote_map *m = ht_remote_map_at(r, t->sp);
    size_t n = m && m->end - t->sp < STACK_FIRST ? m->end - t->sp : STACK_FIRST;
    ssize_t got = ht_remote_read(r, t->sp, room, n);
    stack.at = t->sp;
    stack.n = got > 0 ? (size_t)got : 0;
    struct ht_all_regs regs = {.known = 1u << HT_REG_SP | 1u << HT_REG_PC};
    regs.r[HT_REG_SP] = t->sp;
    regs.r[HT_REG_PC] = t->pc;
    ht_remote_forget(r);
    ht_remote_unwind(r, &regs, &stack, t);
    return read_call(r, &again) && again.pc == t->pc && again.sp == t->sp &&
           again.call == t->call && ht_remote_thread_runs(r, t->tid) == (t->runs = runs);
}

static bool read_stopped(struct ht_remote *r, struct ht_remote_thread *t, unsigned char *room)
{
    struct ht_remote_stack stack = {.data = room};
    struct ht_all_regs regs;
    if (t->state == 'D' || t->state == 'Z' || t->state == 'X' ||
        ht_remote_stop_thread(r, t->tid, &regs, &stack, STACK_ALL))
        return false;
    t->stopped = true;
    t->sp = regs.r[HT_REG_SP];
    t->pc = regs.r[HT_REG_PC];
    ht_remote_forget(r);
    ht_remote_unwind(r, &regs, &stack, t);
    return true;
}

/* A code address may lie in a library that came after the maps were read. */
static bool maps_are_old(const struct ht_remote *r, const struct ht_remote_thread *t)
{
    return t->pc && !ht_remote_map_at(r, t->pc);
}

static bool read_thread(struct ht_remote *r, struct ht_remote_thread *t, bool stop,
                        unsigned char *room)
{
    bool done = false, renewed = false;
    for (int i = 0; i < LOOKS && !done; i++) {
        done = read_blocked(r, t, room);
        if (done && !renewed && maps_are_old(r, t)) {
            renewed = true;
            done = ht_remote_maps(r) < 0;
        }
        if (!done && !*t->name)
            return false; /* it has ended */
        if (!done)
            sched_yield();
    }
    if (stop && (!done || t->truncated || t->guessed)) {
        struct ht_remote_thread by_stop = *t;
        if (read_stopped(r, &by_stop, room)) {
            *t = by_stop;
            done = true;
        }
    }
    if (!done) {
        t->depth = 0;
        t->pc = t->sp = 0;
    }
    return true;
}

static int by_number(const void *a, const void *b)
{
    const struct ht_remote_thread *x = a, *y = b;
    return x->tid < y->tid ? -1 : x->tid > y->tid;
}

static int list(const struct ht_remote *r, struct ht_remote_threads *out)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)r->pid);
    DIR *d = opendir(path);
    size_t room = 0;
    struct dirent *e;
    if (!d)
        return errno == ENOENT ? -ESRCH : -errno;
    while ((e = readdir(d))) {
        if (*e->d_name == '.')
            continue;
        if (out->n == room) {
            room = room ? room * 2 : 64;
            struct ht_remote_thread *more = realloc(out->thread, room * sizeof *more);
            if (!more) {
                closedir(d);
                return -ENOMEM;
            }
            out->thread = more;
        }
        out->thread[out->n] = (struct ht_remote_thread){.tid = (pid_t)atol(e->d_name)};
        out->n++;
    }
    closedir(d);
    qsort(out->thread, out->n, sizeof *out->thread, by_number);
    return 0;
}

int ht_remote_list_threads(struct ht_remote *r, bool stop, struct ht_remote_threads *out, char *msg,
                           size_t msg_size)
{
    *out = (struct ht_remote_threads){0};
    unsigned char *room = malloc(STACK_ALL);
    int err = room ? ht_remote_maps(r) : -ENOMEM;
    if (!err)
        err = list(r, out);
    size_t kept = 0;
    int64_t now = -1;
    for (size_t i = 0; !err && i < out->n; i++) {
        struct ht_remote_thread *t = &out->thread[i];
        if (!read_thread(r, t, stop, room))
            continue;
        if (kept % 64 == 0) {
            sched_yield(); /* so that this thread's own time is up to date */
            now = last_ran(r, (pid_t)gettid(), getpid());
        }
        int64_t then = last_ran(r, t->tid, 0);
        t->idle_ns = now < 0 || then < 0 ? -1 : now > then ? now - then : 0;
        out->n_running += !t->depth && t->state == 'R';
        out->thread[kept++] = *t;
    }
    free(room);
    if (!err && !kept)
        err = -ESRCH;
    out->n = kept;
    if (err) {
        snprintf(msg, msg_size, "the threads of process %d cannot be read: %s", (int)r->pid,
                 err == -ESRCH ? "it has ended" : strerror(-err));
        ht_remote_threads_free(out);
        return err;
    }
    ht_remote_locks(r, out);
    return 0;
}

void ht_remote_threads_free(struct ht_remote_threads *t)
{
    free(t->thread);
    *t = (struct ht_remote_threads){0};
}

/* SPDX-License-Identifier: MIT */
/* One sampling from its beginning to its end: by perf events, or by stops. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cpu/cpu.h"
#include "cpu/session.h"
#include "profile/profile.h"
#include "snapshot/program.h"

#define STACK_ROOM (256u << 10)

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* The threads of a process; *n of them, to free. NULL with errno. */
static pid_t *list_threads(pid_t pid, size_t *n)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *d = opendir(path);
    pid_t *tids = NULL;
    size_t room = 0;
    struct dirent *e;
    *n = 0;
    while (d && (e = readdir(d))) {
        if (*e->d_name == '.')
            continue;
        if (*n == room) {
            room = room ? room * 2 : 64;
            pid_t *more = realloc(tids, room * sizeof *more);
            if (!more)
                break;
            tids = more;
        }
        tids[(*n)++] = (pid_t)atol(e->d_name);
    }
    if (d)
        closedir(d);
    return tids;
}

/* A child that waits for a byte before it executes the program. *go is to be written to. */
static pid_t start_program(char *const *program, int *go, int *failed)
{
    int wait_for[2], tell[2];
    if (pipe2(wait_for, O_CLOEXEC))
        return -1;
    if (pipe2(tell, O_CLOEXEC)) {
        close(wait_for[0]);
        close(wait_for[1]);
        return -1;
    }
    pid_t pid = fork();
    if (!pid) {
        char c;
        close(wait_for[1]);
        if (read(wait_for[0], &c, 1) == 1) {
            execvp(program[0], program);
            int err = errno;
            if (write(tell[1], &err, sizeof err) < 0)
                _exit(127);
        }
        _exit(127);
    }
    close(wait_for[0]);
    close(tell[1]);
    *go = wait_for[1];
    *failed = tell[0];
    return pid;
}

static bool ended(const struct ht_cpu_options *o, pid_t child, int *status, bool *reaped)
{
    if (child) {
        if (!*reaped && waitpid(child, status, WNOHANG) == child)
            *reaped = true;
        return *reaped;
    }
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)o->pid);
    return access(path, F_OK) != 0;
}

static void remember_exe(struct ht_cpu_summary *summary, pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    ssize_t n = readlink(path, summary->exe, sizeof summary->exe - 1);
    if (n > 0) {
        summary->exe[n] = 0;
        ht_process_program(pid, summary->exe, summary->program, sizeof summary->program);
    }
}

static void by_events(struct ht_session *s, pid_t child)
{
    const struct ht_cpu_options *o = s->options;
    uint64_t begin = now_ns(),
             end = o->seconds > 0 ? begin + (uint64_t)(o->seconds * 1e9) : UINT64_MAX;
    bool reaped = false, over = false;
    while (!over && !s->err) {
        ht_events_wait(&s->events, 50);
        uint64_t now = now_ns();
        if (child && !*s->summary->exe)
            remember_exe(s->summary, child);
        over = (o->stop && *o->stop) || now >= end || ended(o, child, &s->summary->status, &reaped);
        if (over) {
            ht_events_stop(&s->events);
            s->summary->used = ht_events_used(&s->events);
        }
        /* Records that are newer than the look at the first ring may have older ones still to
         * come. */
        int err = ht_events_drain(&s->events, over ? UINT64_MAX : now, ht_session_record, s);
        if (err && !s->err)
            s->err = err;
    }
    s->summary->seconds = (double)(now_ns() - begin) / 1e9;
    if (child && !reaped && !(o->stop && *o->stop))
        waitpid(child, &s->summary->status, 0);
}

/* Every period each thread that runs is stopped for a moment, and stands for one period. */
static void by_stops(struct ht_session *s, pid_t pid, pid_t child)
{
    const struct ht_cpu_options *o = s->options;
    uint64_t begin = now_ns(), next = begin, period = 1000000000ull / o->frequency;
    uint64_t end = o->seconds > 0 ? begin + (uint64_t)(o->seconds * 1e9) : UINT64_MAX;
    unsigned char *room = malloc(STACK_ROOM);
    bool reaped = false;
    if (!room)
        s->err = -ENOMEM;
    while (!s->err && !(o->stop && *o->stop) && now_ns() < end &&
           !ended(o, child, &s->summary->status, &reaped)) {
        size_t n;
        pid_t *tids = list_threads(pid, &n);
        struct ht_remote *r = ht_session_process(s, pid);
        if (!*s->summary->exe)
            remember_exe(s->summary, pid);
        for (size_t i = 0; r && i < n; i++) {
            struct ht_remote_thread t = {.tid = tids[i]};
            struct ht_all_regs regs;
            struct ht_remote_stack stack = {.data = room};
            if (!ht_remote_thread_read(r, &t) || t.state != 'R')
                continue;
            r->unseen = false; /* the stack is read while the thread stands */
            ht_remote_maps(r);
            int err = ht_remote_stop_thread(r, t.tid, &regs, &stack, STACK_ROOM);
            r->unseen = true;
            if (!err)
                ht_session_add(s, r, t.tid, &regs, &stack, NULL, 0, (int64_t)period);
        }
        free(tids);
        next += period;
        uint64_t now = now_ns();
        if (next > now) {
            struct timespec t = {(time_t)((next - now) / 1000000000ull),
                                 (long)((next - now) % 1000000000ull)};
            nanosleep(&t, NULL);
        } else {
            /* this process is late: those samples were not taken */
            s->summary->lost += (now - next) / period;
            next = now;
        }
    }
    free(room);
    s->summary->seconds = (double)(now_ns() - begin) / 1e9;
    if (child && !reaped && !(o->stop && *o->stop))
        waitpid(child, &s->summary->status, 0);
}

static int add_comments(struct ht_profile *p, const struct ht_cpu_summary *summary, pid_t pid)
{
    char text[160];
    snprintf(text, sizeof text, "pid: %d", (int)pid);
    int err = ht_profile_add_comment(p, text);
    snprintf(text, sizeof text, "samples: %llu, %llu lost, %llu stacks truncated",
             (unsigned long long)summary->samples, (unsigned long long)summary->lost,
             (unsigned long long)summary->truncated);
    return err ? err : ht_profile_add_comment(p, text);
}

/* Begins: opens the events and lets the program go. 0 or -errno with a line in msg. */
static int begin(struct ht_session *s, pid_t pid, int go, int failed, char *msg, size_t msg_size)
{
    const struct ht_cpu_options *o = s->options;
    struct ht_event_options e = {
        .frequency = o->frequency, .kernel = o->kernel, .on_exec = o->program != NULL};
    size_t n;
    pid_t *tids = list_threads(pid, &n);
    int err = n ? 0 : -ESRCH;
    if (err)
        snprintf(msg, msg_size, "there is no process %d, or it has ended", (int)pid);
    else if (!o->ptrace)
        err = ht_events_open(&s->events, tids, n, &e, msg, msg_size);
    free(tids);
    if (err)
        return err;
    if (!o->program && !o->ptrace) {
        /* The maps as they are now; the kernel's records report later changes. */
        if (!ht_session_process(s, pid))
            return -ENOMEM;
        ht_events_start(&s->events);
    }
    if (o->program) {
        int exec_errno = 0;
        ssize_t told = write(go, "x", 1) == 1 ? read(failed, &exec_errno, sizeof exec_errno) : -1;
        if (told == sizeof exec_errno) {
            s->summary->exec_errno = exec_errno;
            snprintf(msg, msg_size, "cannot run %s: %s", o->program[0],
                     exec_errno == ENOENT && !strchr(o->program[0], '/') ? "no such program in PATH"
                                                                         : strerror(exec_errno));
            return -exec_errno;
        }
    }
    remember_exe(s->summary, pid);
    return 0;
}

struct ht_profile *ht_cpu_sample(const struct ht_cpu_options *o, struct ht_cpu_summary *summary,
                                 int *err, char *msg, size_t msg_size)
{
    struct ht_session s = {.options = o, .summary = summary};
    struct ht_profile *p = NULL;
    struct timespec wall;
    int go = -1, failed = -1;
    pid_t child = o->program ? start_program(o->program, &go, &failed) : 0;
    pid_t pid = child ? child : o->pid;
    *summary = (struct ht_cpu_summary){0};
    s.stacks = ht_stacks_create(1000000000 / (int64_t)o->frequency);
    *err = child < 0 ? -errno : s.stacks ? 0 : -ENOMEM;
    if (*err)
        snprintf(msg, msg_size, "%s", strerror(-*err));
    else
        *err = begin(&s, pid, go, failed, msg, msg_size);
    if (go >= 0) {
        close(go); /* the child ends when nothing comes */
        close(failed);
    }
    if (*err && child > 0)
        waitpid(child, &summary->status, 0);
    if (!*err) {
        if (o->ptrace)
            by_stops(&s, pid, child);
        else
            by_events(&s, child);
        *err = s.err;
        clock_gettime(CLOCK_REALTIME, &wall);
    }
    if (!*err) {
        p = ht_stacks_profile(s.stacks, summary->exe, summary->program);
        s.stacks = NULL;
        if (!p || add_comments(p, summary, pid)) {
            ht_profile_destroy(p);
            p = NULL;
            *err = -ENOMEM;
        }
    }
    if (p) {
        p->duration_nanos = (int64_t)(summary->seconds * 1e9);
        p->time_nanos = (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec - p->duration_nanos;
    } else if (*err && !*msg) {
        snprintf(msg, msg_size, "%s", strerror(-*err));
    }
    ht_stacks_destroy(s.stacks);
    ht_session_finish(&s);
    return p;
}

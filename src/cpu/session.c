/* SPDX-License-Identifier: MIT */
/*
 * Each process has its maps: those it had when it was first met, and then what the kernel's records
 * say: a child begins with its parent's, exec begins anew, mmap adds. Its memory is not read, for
 * it goes on running: a sample's stack is the copy that the kernel made.
 */
#include "config.h"

#include "cpu/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "region/labels.h"

struct ht_space {
    struct ht_space *next;
    struct ht_remote remote;
};

struct ht_thread_name {
    struct ht_thread_name *next;
    pid_t tid;
    char name[16];
};

static struct ht_space *find_space(struct ht_session *s, pid_t pid)
{
    struct ht_space *x = s->spaces;
    while (x && x->remote.pid != pid)
        x = x->next;
    return x;
}

static struct ht_space *new_space(struct ht_session *s, pid_t pid)
{
    struct ht_space *x = calloc(1, sizeof *x);
    if (!x) {
        s->err = -ENOMEM;
        return NULL;
    }
    ht_remote_open_unseen(&x->remote, pid);
    x->next = s->spaces;
    return s->spaces = x;
}

struct ht_remote *ht_session_process(struct ht_session *s, pid_t pid)
{
    struct ht_space *x = find_space(s, pid);
    if (!x && (x = new_space(s, pid)))
        /* it may have ended: then there are only the maps from the records */
        ht_remote_maps(&x->remote);
    return x ? &x->remote : NULL;
}

static const char *name_of(struct ht_session *s, pid_t pid, pid_t tid)
{
    struct ht_thread_name *n = s->names;
    while (n && n->tid != tid)
        n = n->next;
    if (n)
        return n->name;
    n = calloc(1, sizeof *n);
    if (!n)
        return "";
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/comm", (int)pid, (int)tid);
    FILE *f = fopen(path, "re");
    if (f) {
        if (fgets(n->name, sizeof n->name, f))
            n->name[strcspn(n->name, "\n")] = 0;
        fclose(f);
    }
    n->tid = tid;
    n->next = s->names;
    s->names = n;
    return n->name;
}

static void set_name(struct ht_session *s, pid_t pid, pid_t tid, const char *name)
{
    name_of(s, pid, tid);
    for (struct ht_thread_name *n = s->names; n; n = n->next)
        if (n->tid == tid)
            snprintf(n->name, sizeof n->name, "%.15s", name);
}

void ht_session_add(struct ht_session *s, struct ht_remote *r, pid_t tid,
                    const struct ht_all_regs *regs, const struct ht_remote_stack *stack,
                    const uint64_t *kernel, size_t n_kernel, int64_t ns)
{
    uint32_t frames[HT_REMOTE_DEPTH + 128];
    char name[32];
    unsigned n = 0;
    if (!s->walked && !(s->walked = calloc(1, sizeof *s->walked))) {
        s->err = -ENOMEM;
        return;
    }
    struct ht_remote_thread *t = s->walked;
    t->stopped = true;
    t->depth = 0;
    if (regs)
        ht_remote_unwind(r, regs, stack, t);
    for (size_t i = 0; i < n_kernel && n < 128; i++)
        if (kernel[i] < (uint64_t)-4096) /* the others say whose frames follow (PERF_CONTEXT_*) */
            frames[n++] = ht_stacks_kernel_frame(s->stacks, kernel[i]);
    for (unsigned i = 0; i < t->depth; i++)
        frames[n++] = ht_stacks_frame(s->stacks, r, t->frames[i]);
    ht_thread_fold_name(name_of(s, r->pid, tid), name, sizeof name);
    for (unsigned i = 0; i < n; i++)
        if (!frames[i])
            s->err = -ENOMEM;
    if (!s->err)
        s->err = ht_stacks_add(s->stacks, frames, n, name, ns);
    s->summary->samples++;
    s->summary->sampled += (double)ns / 1e9;
    s->summary->truncated += regs && t->truncated;
}

static void on_sample(struct ht_session *s, const struct perf_event_header *h)
{
    struct ht_event_sample e;
    if (!ht_event_read_sample(&s->events, h, &e))
        return;
    struct ht_remote *r = ht_session_process(s, e.pid);
    struct ht_remote_stack stack = {
        .at = e.regs.r[HT_REG_SP], .n = e.stack_size, .data = (unsigned char *)(uintptr_t)e.stack};
    if (r)
        ht_session_add(s, r, e.tid, e.has_regs ? &e.regs : NULL, &stack, e.kernel, e.n_kernel,
                       (int64_t)e.period);
}

/* struct { header; u32 pid, tid; u64 addr, len, pgoff; u32 maj, min; u64 ino, ino_generation; u32
 * prot, flags; char filename[]; } of perf_event_open(2). */
static void on_mmap(struct ht_session *s, const struct perf_event_header *h)
{
    const unsigned char *at = (const unsigned char *)(h + 1);
    const size_t fixed = 8 + 3 * 8 + 8 + 2 * 8 + 8;
    uint32_t id[2], device[2], prot;
    uint64_t where[3], inode;
    if (h->size < sizeof *h + fixed + 9)
        return;
    memcpy(id, at, 8);
    memcpy(where, at + 8, 24);
    memcpy(device, at + 32, 8);
    memcpy(&inode, at + 40, 8);
    memcpy(&prot, at + 56, 4);
    const char *name = (const char *)at + fixed;
    size_t room = h->size - sizeof *h - fixed;
    struct ht_remote *r = memchr(name, 0, room) ? ht_session_process(s, (pid_t)id[0]) : NULL;
    if (!r || where[1] > UINT64_MAX - where[0])
        return;
    struct ht_remote_map m = {.start = where[0],
                              .end = where[0] + where[1],
                              .offset = where[2],
                              .inode = *name == '/' && name[1] != '/' ? inode : 0,
                              .readable = true,
                              .executable = prot & PROT_EXEC,
                              .name = name};
    if (ht_remote_map_add(r, &m) == -ENOMEM)
        s->err = -ENOMEM;
}

static void on_comm(struct ht_session *s, const struct perf_event_header *h)
{
    uint32_t id[2];
    const char *name = (const char *)(h + 1) + 8;
    if (h->size < sizeof *h + 8 + 8 || !memchr(name, 0, h->size - sizeof *h - 8))
        return;
    memcpy(id, h + 1, 8);
    if (h->misc & PERF_RECORD_MISC_COMM_EXEC) {
        struct ht_space *x = find_space(s, (pid_t)id[0]);
        if (!x)
            x = new_space(s, (pid_t)id[0]);
        if (x)
            ht_remote_maps_clear(&x->remote);
    }
    set_name(s, (pid_t)id[0], (pid_t)id[1], name);
}

/* struct { header; u32 pid, ppid, tid, ptid; u64 time; } */
static void on_fork(struct ht_session *s, const struct perf_event_header *h)
{
    uint32_t id[4];
    if (h->size < sizeof *h + sizeof id)
        return;
    memcpy(id, h + 1, sizeof id);
    set_name(s, (pid_t)id[0], (pid_t)id[2], name_of(s, (pid_t)id[1], (pid_t)id[3]));
    if (id[0] == id[1])
        return; /* a thread */
    struct ht_remote *parent = ht_session_process(s, (pid_t)id[1]);
    struct ht_space *child = find_space(s, (pid_t)id[0]);
    if (!child)
        child = new_space(s, (pid_t)id[0]);
    if (parent && child && ht_remote_maps_copy(&child->remote, parent))
        s->err = -ENOMEM;
}

static void on_exit_of(struct ht_session *s, const struct perf_event_header *h)
{
    uint32_t id[4];
    if (h->size < sizeof *h + sizeof id)
        return;
    memcpy(id, h + 1, sizeof id);
    struct ht_space *x = id[0] == id[2] ? find_space(s, (pid_t)id[0]) : NULL;
    if (x)
        ht_remote_rest(&x->remote);
}

void ht_session_record(void *ctx, const struct perf_event_header *h)
{
    struct ht_session *s = ctx;
    uint64_t lost[2];
    if (s->err)
        return;
    switch (h->type) {
    case PERF_RECORD_SAMPLE:
        on_sample(s, h);
        break;
    case PERF_RECORD_MMAP2:
        on_mmap(s, h);
        break;
    case PERF_RECORD_COMM:
        on_comm(s, h);
        break;
    case PERF_RECORD_FORK:
        on_fork(s, h);
        break;
    case PERF_RECORD_EXIT:
        on_exit_of(s, h);
        break;
    case PERF_RECORD_LOST:
        memcpy(lost, h + 1, sizeof lost); /* id, number */
        s->summary->lost += lost[1];
        break;
    default:
        break;
    }
}

void ht_session_finish(struct ht_session *s)
{
    while (s->spaces) {
        struct ht_space *x = s->spaces;
        s->spaces = x->next;
        ht_remote_close(&x->remote);
        free(x);
    }
    while (s->names) {
        struct ht_thread_name *n = s->names;
        s->names = n->next;
        free(n);
    }
    free(s->walked);
    ht_events_close(&s->events);
}

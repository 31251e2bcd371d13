/* SPDX-License-Identifier: MIT */
/*
 * Without stops, frames are known only for threads that wait, and still wait after the pass. With
 * stops, each stack is copied, and words are taken from the copy, so that frames and words match.
 */
#include "config.h"

#include "leaks/who_threads.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "leaks/areas.h"

#define COPIED                                                                                     \
    (256u << 10) /* the most of a stack that is copied; the rest is read like any memory */

static int copy_thread(struct ht_remote *r, struct ht_leaks *l, struct ht_remote_thread *t,
                       unsigned char *room, struct ht_who_copy *out)
{
    struct ht_remote_stack stack = {.data = room};
    struct ht_all_regs regs;
    uint64_t began = ht_leak_now_ns();
    int err = ht_remote_stop_thread(r, t->tid, &regs, &stack, COPIED);
    uint64_t took = ht_leak_now_ns() - began;
    if (err)
        return err;
    if (took > l->longest_stop_ns)
        l->longest_stop_ns = took;
    t->stopped = true;
    t->sp = regs.r[HT_REG_SP];
    t->pc = regs.r[HT_REG_PC];
    ht_remote_forget(r);
    ht_remote_unwind(r, &regs, &stack, t);
    size_t skip = -stack.at & 7;
    *out = (struct ht_who_copy){.tid = t->tid, .at = stack.at + skip};
    memcpy(out->regs, regs.r, sizeof out->regs);
    if (stack.n <= skip)
        return 0;
    out->n = (stack.n - skip) / 8;
    out->word = malloc(out->n * 8 + 1);
    if (!out->word)
        return -ENOMEM;
    memcpy(out->word, room + skip, out->n * 8);
    return 0;
}

static int copy_all(struct ht_remote *r, struct ht_leaks *l, struct ht_who_threads *out)
{
    unsigned char *room = malloc(COPIED);
    int err = 0;
    out->copy = calloc(out->all.n + 1, sizeof *out->copy);
    if (!room || !out->copy)
        err = -ENOMEM;
    l->stopped = l->unstopped = 0;
    for (size_t i = 0; !err && i < out->all.n; i++) {
        struct ht_remote_thread *t = &out->all.thread[i];
        int failed = t->state == 'Z' || t->state == 'X'
                         ? -ESRCH
                         : copy_thread(r, l, t, room, &out->copy[out->n_copies]);
        if (failed == -ENOMEM)
            err = failed;
        out->n_copies += !failed;
        l->stopped += !failed;
        l->unstopped += failed && failed != -ESRCH;
    }
    free(room);
    return err;
}

/* The last number of the line NSpid; the same where there is no such line. */
static pid_t inner_number(const struct ht_remote *r, pid_t tid)
{
    char path[80], line[256];
    pid_t inner = tid;
    snprintf(path, sizeof path, "/proc/%d/task/%d/status", (int)r->pid, (int)tid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) {
        const char *last = strncmp(line, "NSpid:", 6) ? NULL : strrchr(line, '\t');
        if (last) {
            inner = (pid_t)strtol(last, NULL, 10);
            break;
        }
    }
    if (f)
        fclose(f);
    return inner;
}

static int find_inner(const struct ht_remote *r, struct ht_who_threads *out)
{
    out->inner = calloc(out->all.n + 1, sizeof *out->inner);
    for (size_t i = 0; out->inner && i < out->all.n; i++)
        out->inner[i] = inner_number(r, out->all.thread[i].tid);
    return out->inner ? 0 : -ENOMEM;
}

int ht_who_threads_read(struct ht_remote *r, bool stop, struct ht_leaks *l,
                        struct ht_who_threads *out, char *msg, size_t msg_size)
{
    *out = (struct ht_who_threads){0};
    int err = ht_remote_list_threads(r, false, &out->all, msg, msg_size);
    if (!err)
        err = find_inner(r, out);
    if (!err && stop)
        err = copy_all(r, l, out);
    l->threads = (unsigned)out->all.n;
    return err;
}

void ht_who_threads_free(struct ht_who_threads *t)
{
    for (size_t i = 0; i < t->n_copies; i++)
        free(t->copy[i].word);
    free(t->copy);
    free(t->inner);
    ht_remote_threads_free(&t->all);
    *t = (struct ht_who_threads){0};
}

const struct ht_remote_thread *ht_who_thread(const struct ht_who_threads *t, pid_t tid)
{
    for (size_t i = 0; i < t->all.n; i++)
        if (t->all.thread[i].tid == tid)
            return &t->all.thread[i];
    return NULL;
}

pid_t ht_who_thread_seen_as(const struct ht_who_threads *t, pid_t inner)
{
    for (size_t i = 0; inner > 0 && i < t->all.n; i++)
        if (t->inner[i] == inner)
            return t->all.thread[i].tid;
    return 0;
}

bool ht_who_thread_still(struct ht_remote *r, const struct ht_remote_thread *t)
{
    return t->stopped || (t->depth && ht_remote_thread_runs(r, t->tid) == t->runs);
}

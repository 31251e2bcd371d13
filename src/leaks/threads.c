/* SPDX-License-Identifier: MIT */
/*
 * The kernel shows the stack pointer of a waiting thread. A mapping is recognised as a thread's own
 * stack by the guard below it; the first thread's stack by its name in the maps.
 */
#include "config.h"

#include "leaks/threads.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "leaks/areas.h"

#define RED_ZONE  128
#define GUARD_MAX (64u << 10)

/* Whether a part of a block lies in the range. */
static bool holds_block(const struct ht_leak_block *block, size_t n, uint64_t start, uint64_t end)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (block[middle].addr < start)
            low = middle + 1;
        else
            high = middle;
    }
    return (low < n && block[low].addr < end) ||
           (low && block[low - 1].addr + block[low - 1].size > start);
}

/* The start of the stack that contains sp; 0: the mapping is not known to be a stack. */
static uint64_t stack_start(const struct ht_remote *r, uint64_t sp)
{
    const struct ht_remote_map *m = ht_remote_map_at(r, sp);
    if (!m || m->inode || !m->readable)
        return 0;
    if (!strcmp(m->name, "[stack]"))
        return m->start;
    if (*m->name || m == r->maps)
        return 0;
    const struct ht_remote_map *guard = m - 1;
    return guard->end == m->start && !guard->readable && !guard->inode && !*guard->name &&
                   guard->end - guard->start <= GUARD_MAX
               ? m->start
               : 0;
}

static int by_start(const void *a, const void *b)
{
    uint64_t x = ((const struct ht_leak_unused *)a)->start,
             y = ((const struct ht_leak_unused *)b)->start;
    return x < y ? -1 : x > y;
}

/* Drops mappings that contain the sp of two threads: these are not the stack of one thread, so no
 * part of them is known to be unused. */
static size_t drop_overlapping(struct ht_leak_unused *u, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n;) {
        size_t same = i + 1;
        while (same < n && u[same].start == u[i].start)
            same++;
        if (same == i + 1)
            u[kept++] = u[i];
        i = same;
    }
    return kept;
}

int ht_leak_threads_read(struct ht_remote *r, const struct ht_leak_block *block, size_t n,
                         struct ht_leak_threads *out)
{
    char path[64];
    *out = (struct ht_leak_threads){0};
    snprintf(path, sizeof path, "/proc/%d/task", (int)r->pid);
    DIR *d = opendir(path);
    size_t room = 0;
    int err = 0;
    if (!d)
        return errno == ENOENT ? -ESRCH : -errno;
    for (struct dirent *e; !err && (e = readdir(d));) {
        struct ht_remote_thread t = {.tid = atoi(e->d_name)};
        if (t.tid <= 0)
            continue;
        out->threads++;
        /* Read first, so that a later comparison shows whether the thread has run since. */
        uint64_t runs = ht_remote_thread_runs(r, t.tid);
        if (!ht_remote_thread_read(r, &t) || !t.sp)
            continue;
        /* The stack itself may be a block that only sp points to. */
        ht_leak_add_word(out, t.sp, ht_leak_loose(HT_LOOSE_REGISTER, HT_REG_SP, t.tid));
        for (unsigned i = 0; t.call >= 0 && i < 6; i++)
            ht_leak_add_word(out, t.args[i], ht_leak_loose(HT_LOOSE_CALL, (unsigned)t.call, t.tid));
        uint64_t start = stack_start(r, t.sp);
        if (!runs || !start || t.sp < start + RED_ZONE || holds_block(block, n, start, t.sp))
            continue;
        if (out->n == room) {
            room = room ? 2 * room : 64;
            struct ht_leak_unused *more = reallocarray(out->unused, room, sizeof *more);
            if (!more) {
                err = -ENOMEM;
                break;
            }
            out->unused = more;
        }
        out->unused[out->n++] = (struct ht_leak_unused){
            .tid = t.tid, .start = start, .end = (t.sp - RED_ZONE) & ~7ull, .runs = runs};
    }
    closedir(d);
    if (out->n) {
        qsort(out->unused, out->n, sizeof *out->unused, by_start);
        out->n = drop_overlapping(out->unused, out->n);
    }
    if (!err)
        ht_leak_kernel_words(r, out);
    return err;
}

void ht_leak_threads_free(struct ht_leak_threads *t)
{
    free(t->unused);
    free(t->word);
    free(t->from);
    *t = (struct ht_leak_threads){0};
}

bool ht_leak_unused_still(const struct ht_remote *r, const struct ht_leak_unused *u)
{
    return ht_remote_thread_runs(r, u->tid) == u->runs;
}

int ht_leak_registers(struct ht_remote *r, struct ht_leaks *l,
                      void (*fn)(void *ctx, const uint64_t *words, const uint64_t *from, size_t n),
                      void *ctx)
{
    char path[64];
    unsigned char none[8];
    uint64_t from[HT_N_REGS];
    snprintf(path, sizeof path, "/proc/%d/task", (int)r->pid);
    DIR *d = opendir(path);
    if (!d)
        return errno == ENOENT ? -ESRCH : -errno;
    for (struct dirent *e; (e = readdir(d));) {
        struct ht_remote_stack stack = {.data = none};
        struct ht_all_regs regs;
        pid_t tid = atoi(e->d_name);
        if (tid <= 0)
            continue;
        uint64_t began = ht_leak_now_ns();
        int err = ht_remote_stop_thread(r, tid, &regs, &stack, 0);
        uint64_t took = ht_leak_now_ns() - began;
        if (err) {
            l->unstopped += err != -ESRCH;
            continue;
        }
        l->stopped++;
        if (took > l->longest_stop_ns)
            l->longest_stop_ns = took;
        for (unsigned i = 0; i < HT_N_REGS; i++)
            from[i] = ht_leak_loose(HT_LOOSE_REGISTER, i, tid);
        fn(ctx, regs.r, from, HT_N_REGS);
    }
    closedir(d);
    return 0;
}

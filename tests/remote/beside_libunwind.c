/* SPDX-License-Identifier: MIT */
/*
 * beside_libunwind PID [ROUNDS]: stops each thread of a process, one by one, and follows its stack in
 * three ways: by libunwind-ptrace, word by word while the thread stands; by libunwind's remote
 * accessors over a copy of registers and stack; and by our rules over that copy. Prints what each
 * costs, and each stack that differs. Exits 1 when one does.
 */
#include "config.h"

#include <libunwind-ptrace.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#include "remote/remote.h"

#define ROOM (256u << 10)

static struct ht_remote process;
static struct ht_remote_stack stack;
static struct ht_all_regs registers;
static void *upt;
static bool copied; /* the accessors read the copy, and not the thread */

struct way {
    const char *name;
    double stands,
        all; /* seconds: the thread stands, or its copy is taken; and the rest to its frames */
    unsigned depth;
    uint64_t frames[HT_REMOTE_DEPTH];
} ways[3] = {{.name = "libunwind-ptrace"},
             {.name = "libunwind over the copy"},
             {.name = "our rules over the copy"}};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* libunwind hands find_proc_info's argument on to the others: they do not go by it. */
static int find(unw_addr_space_t as, unw_word_t ip, unw_proc_info_t *pi, int need, void *arg)
{
    (void)arg;
    return _UPT_find_proc_info(as, ip, pi, need, upt);
}

static void put(unw_addr_space_t as, unw_proc_info_t *pi, void *arg)
{
    (void)arg;
    _UPT_put_unwind_info(as, pi, upt);
}

static int dynamic(unw_addr_space_t as, unw_word_t *at, void *arg)
{
    (void)as;
    (void)at;
    (void)arg;
    return -UNW_ENOINFO;
}

static int memory(unw_addr_space_t as, unw_word_t at, unw_word_t *word, int write, void *arg)
{
    (void)arg;
    if (write)
        return -UNW_EINVAL;
    if (!copied)
        return _UPT_access_mem(as, at, word, 0, upt);
    if (at >= stack.at && at - stack.at + 8 <= stack.n) {
        memcpy(word, stack.data + (at - stack.at), 8);
        return 0;
    }
    return ht_remote_word(&process, at, word) ? 0 : -UNW_EINVAL;
}

static int reg(unw_addr_space_t as, unw_regnum_t number, unw_word_t *word, int write, void *arg)
{
    (void)as;
    (void)arg;
    if (write || number < 0 || number >= HT_N_REGS)
        return -UNW_EBADREG;
    *word = registers.r[number];
    return 0;
}

static int fp(unw_addr_space_t as, unw_regnum_t number, unw_fpreg_t *v, int write, void *arg)
{
    (void)as;
    (void)number;
    (void)v;
    (void)write;
    (void)arg;
    return -UNW_EBADREG;
}

static int resume(unw_addr_space_t as, unw_cursor_t *c, void *arg)
{
    (void)as;
    (void)c;
    (void)arg;
    return -UNW_EINVAL;
}

static int name(unw_addr_space_t as, unw_word_t at, char *buf, size_t n, unw_word_t *off, void *arg)
{
    (void)as;
    (void)at;
    (void)buf;
    (void)n;
    (void)off;
    (void)arg;
    return -UNW_ENOINFO;
}

static void follow(unw_addr_space_t as, void *arg, struct way *w)
{
    unw_cursor_t c;
    bool exact = true;
    w->depth = 0;
    if (unw_init_remote(&c, as, arg))
        return;
    do {
        unw_word_t ip;
        if (unw_get_reg(&c, UNW_REG_IP, &ip) || !ip)
            return;
        bool signal = unw_is_signal_frame(&c) > 0;
        w->frames[w->depth++] = exact || signal ? ip : ip - 1;
        exact = signal;
    } while (w->depth < HT_REMOTE_DEPTH && unw_step(&c) > 0);
}

static bool stop(pid_t tid)
{
    int status;
    return !ptrace(PTRACE_SEIZE, tid, NULL, NULL) && !ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) &&
           waitpid(tid, &status, __WALL) == tid && WIFSTOPPED(status);
}

/* Both stop it and let it go, so that they stand at the same place: a blocked one. */
static bool by_ptrace(unw_addr_space_t as, pid_t tid)
{
    double begin = now();
    if (!stop(tid))
        return false;
    double stands = now();
    upt = _UPT_create(tid);
    copied = false;
    follow(as, upt, &ways[0]);
    ptrace(PTRACE_DETACH, tid, NULL, 0);
    double end = now();
    ways[0].stands += stands - begin;
    ways[0].all += end - stands;
    return true;
}

static bool by_copy(unw_addr_space_t as, pid_t tid)
{
    struct ht_remote_thread t = {.tid = tid, .stopped = true};
    double begin = now();
    if (ht_remote_stop_thread(&process, tid, &registers, &stack, ROOM))
        return false;
    double taken = now();
    ht_remote_forget(&process);
    ht_remote_unwind(&process, &registers, &stack, &t);
    double ours = now();
    ht_remote_forget(&process);
    copied = true;
    follow(as, NULL, &ways[1]);
    double end = now();
    for (int i = 1; i < 3; i++)
        ways[i].stands += taken - begin;
    ways[2].all += ours - taken;
    ways[1].all += end - ours;
    ways[2].depth = t.depth;
    memcpy(ways[2].frames, t.frames, sizeof t.frames);
    return true;
}

/* A call that a stop ended is begun again: of two stops one may find it before its instruction. */
static bool same(const struct way *a, const struct way *b, bool one_stop)
{
    unsigned first = one_stop ? 0 : 1;
    return a->depth == b->depth && a->depth > first &&
           !memcmp(a->frames + first, b->frames + first, (a->depth - first) * sizeof *a->frames);
}

static void show(const struct way *w)
{
    printf("  %s:", w->name);
    for (unsigned i = 0; i < w->depth; i++)
        printf(" %lx", (unsigned long)w->frames[i]);
    putchar('\n');
}

int main(int argc, char **argv)
{
    char msg[512];
    struct ht_remote_threads all;
    int rounds = argc > 2 ? atoi(argv[2]) : 1;
    unw_accessors_t copy = {find, put, dynamic, memory, reg, fp, resume, name};
    unw_addr_space_t live = unw_create_addr_space(&_UPT_accessors, 0),
                     dead = unw_create_addr_space(&copy, 0);
    unw_set_caching_policy(live, UNW_CACHE_GLOBAL);
    unw_set_caching_policy(dead, UNW_CACHE_GLOBAL);
    stack.data = malloc(ROOM);
    if (argc < 2 || rounds < 1 || !stack.data || !live || !dead ||
        ht_remote_open(&process, (pid_t)atoi(argv[1]), msg, sizeof msg) ||
        ht_remote_list_threads(&process, false, &all, msg, sizeof msg)) {
        fprintf(stderr, "%s\n", argc < 2 ? "usage: beside_libunwind PID [ROUNDS]" : msg);
        return 2;
    }
    unsigned stacks = 0, differ[2] = {0}, frames = 0;
    for (int k = 0; k < rounds; k++)
        for (size_t i = 0; i < all.n; i++) {
            pid_t tid = all.thread[i].tid;
            if (all.thread[i].state != 'S' || !by_ptrace(live, tid))
                continue;
            if (by_copy(dead, tid)) {
                stacks++;
                frames += ways[2].depth;
                for (int n = 0; n < 2; n++)
                    if (!same(&ways[n], &ways[2], n == 1) && !differ[n]++) {
                        printf("thread %d:\n", (int)tid);
                        show(&ways[n]);
                        show(&ways[2]);
                    }
            }
            _UPT_destroy(upt);
        }
    printf("%u stacks, %u frames\n", stacks, frames);
    for (int i = 0; i < 3; i++) {
        double n = stacks ? stacks : 1;
        printf("%-24s %7.1f us to stop%s, %7.1f us to follow%s", ways[i].name,
               ways[i].stands * 1e6 / n, i ? " and copy" : "         ", ways[i].all * 1e6 / n,
               i ? "" : " while it stands");
        if (i < 2)
            printf(", %u differ from ours", differ[i]);
        putchar('\n');
    }
    ht_remote_threads_free(&all);
    ht_remote_close(&process);
    free(stack.data);
    return !stacks || differ[0] || differ[1];
}

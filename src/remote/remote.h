/* SPDX-License-Identifier: MIT */
/*
 * Another process, looked at from outside: its maps, its memory, its objects, its threads and their
 * stacks. It need not be profiled, and nothing of ours is in it. Memory is read with
 * process_vm_readv alone. Nothing is stopped but what ht_remote_stop_thread stops.
 *
 * One thread at a time on one ht_remote. Which file has what: process.c the process and its list of
 * maps, maps.c single maps, module.c objects, memory.c memory, threads.c threads, locks.c what they
 * wait for, unwind.c stacks, stop.c stopping a thread, profile.c threads as a profile, syscalls.c
 * names of system calls.
 */
#ifndef HEAPTAP_SRC_REMOTE_REMOTE_H
#define HEAPTAP_SRC_REMOTE_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cfi/cfi.h"

/* A line of /proc/PID/maps. */
struct ht_remote_map {
    uint64_t start, end, offset;
    uint64_t device, inode; /* 0, 0: no file */
    bool readable, writable, executable;
    const char *name;                /* a path, "[stack]", "[vdso]"; "" for anonymous memory */
    struct ht_remote_module *module; /* of executable maps, once it was asked for */
};

/* An ELF object that is mapped there. Its unwind tables are copied to here. */
struct ht_remote_module {
    struct ht_remote_module *next;
    char *path;                /* as the process sees it, without " (deleted)" */
    char build_id[2 * 64 + 1]; /* lower-case hex, "" when none */
    uint64_t start, end;       /* of all its segments, there */
    struct {
        uint64_t start, limit, offset;
    } segments[8]; /* the executable ones, there */
    unsigned n_segments;
    uint64_t bias, hdr;    /* what is added to the file's addresses; .eh_frame_hdr's there */
    struct ht_object here; /* the same range, in our memory, with the tables alone */
    bool no_tables;        /* it has none, or they cannot be read */
};

struct ht_remote_memory; /* memory.c: pages that were read */
struct ht_remote_rows;   /* unwind.c: rules by address */

struct ht_remote {
    pid_t pid;
    pid_t living;         /* a thread that has the memory: the first one may have ended */
    uint64_t start_ticks; /* so that another process of the same number is not taken for it */
    char exe[4096];       /* "" when it is not known */
    char program[4096];   /* the same, or the link to it that it was started by */
    struct ht_remote_map *maps;
    size_t n_maps;
    char *map_text; /* the memory of names; others are in `names` */
    char **names;
    size_t n_names;
    bool unseen; /* its maps come from elsewhere, and its memory is not to be read */
    struct ht_remote_module *modules;
    struct ht_remote_memory *memory;
    struct ht_remote_rows *rows;
};

/*
 * 0, or -errno with one line in msg that says what is needed: -ESRCH no such process, or it has
 * ended; -EPERM another user's, or the kernel does not allow it; -EINVAL a kernel thread.
 */
int ht_remote_open(struct ht_remote *r, pid_t pid, char *msg, size_t msg_size);
void ht_remote_close(struct ht_remote *r);

/*
 * The same for a process that is known by what the kernel tells of it (perf events), and that may
 * have ended: nothing of it is read, and its maps are what ht_remote_map_add says.
 */
void ht_remote_open_unseen(struct ht_remote *r, pid_t pid);

/* A map in place of what was there; its name is copied. 0 or -ENOMEM. */
int ht_remote_map_add(struct ht_remote *r, const struct ht_remote_map *m);

/* The maps of another one, as a child has them; or none, as after exec. 0 or -ENOMEM. */
int ht_remote_maps_copy(struct ht_remote *to, const struct ht_remote *from);
void ht_remote_maps_clear(struct ht_remote *r);

/* Gives back the memory that only walking stacks needs; it comes again by itself. */
void ht_remote_rest(struct ht_remote *r);

/* Reads the maps again: libraries come and go. Modules that are still there are kept. 0 or -errno.
 */
int ht_remote_maps(struct ht_remote *r);

/* The map around an address, or NULL. */
struct ht_remote_map *ht_remote_map_at(const struct ht_remote *r, uint64_t at);

/* The object whose code is at an address; NULL: there is none, as in code that a JIT made. */
struct ht_remote_module *ht_remote_module_at(struct ht_remote *r, uint64_t at);

/* Reads up to n bytes; how many there are, 0 for none, or -errno. */
ssize_t ht_remote_read(struct ht_remote *r, uint64_t at, void *to, size_t n);

/* One word, by way of a cache of pages that ht_remote_forget empties. */
bool ht_remote_word(struct ht_remote *r, uint64_t at, uint64_t *word);
void ht_remote_forget(struct ht_remote *r);

/* --- threads ------------------------------------------------------------------------------------
 */

enum { HT_REMOTE_DEPTH = 256 };

struct ht_remote_thread {
    pid_t tid;
    char name[32]; /* comm; "" when the thread has ended */
    char state;    /* R S D T t Z X I */
    int64_t call;  /* the system call it waits in; -1: none */
    uint64_t args[6];
    uint64_t sp, pc; /* 0, 0: not known, it runs */
    int64_t idle_ns; /* since when it did not run; -1: the kernel does not say */
    char wchan[64];  /* where it waits in the kernel; "" when not visible */
    bool stopped;    /* its registers were taken while it was stopped */
    bool truncated;  /* the stack ends where it could not be followed */
    bool guessed;    /* a frame was found by what lies on the stack */
    unsigned depth;
    uint64_t frames[HT_REMOTE_DEPTH];   /* leaf first: the pc, then return addresses */
    uint64_t frame_sp[HT_REMOTE_DEPTH]; /* where each frame's part of the stack begins */
    uint64_t runs; /* ht_remote_thread_runs when a thread that was not stopped had this stack */
    pid_t owner;   /* who holds the mutex that it waits for; 0: none is known */
    pid_t joins;   /* the thread whose end it waits for */
    uint64_t lock; /* the address it waits at; 0: none */
    bool deadlock; /* it waits for itself through others */
};

struct ht_remote_threads {
    struct ht_remote_thread *thread;
    size_t n;
    size_t n_running; /* so many have no stack, because they were running */
};

/*
 * Every thread and its stack. Blocked threads are read without a stop: a stack counts when the
 * thread did not run between two looks. With `stop` those that run, and those whose stack cannot
 * be followed without all registers, are stopped one by one, for the time it takes to copy
 * registers and stack; that may end a wait of theirs early (EINTR of epoll_wait and its like).
 * 0 or -errno with a line in msg.
 */
int ht_remote_list_threads(struct ht_remote *r, bool stop, struct ht_remote_threads *out, char *msg,
                           size_t msg_size);
void ht_remote_threads_free(struct ht_remote_threads *t);

/* Reads a thread's state from /proc; false when it has ended. */
bool ht_remote_thread_read(const struct ht_remote *r, struct ht_remote_thread *t);

/* A number that changes whenever the thread runs; 0: not available. */
uint64_t ht_remote_thread_runs(const struct ht_remote *r, pid_t tid);

/* Finds what futex waiters wait for, and which threads wait in a circle. */
void ht_remote_locks(struct ht_remote *r, struct ht_remote_threads *t);

/* --- stacks -------------------------------------------------------------------------------------
 */

/* A stack's memory, from sp up, as it was copied. */
struct ht_remote_stack {
    uint64_t at;
    size_t n;
    unsigned char *data;
};

/*
 * Follows a stack from registers (those known, bit by bit) by the objects' unwind tables, and by
 * frame pointers over code that has none. Fills t->frames, depth, truncated and guessed.
 */
void ht_remote_unwind(struct ht_remote *r, const struct ht_all_regs *regs,
                      const struct ht_remote_stack *stack, struct ht_remote_thread *t);

/*
 * Stops one thread (PTRACE_SEIZE, PTRACE_INTERRUPT), copies its registers and up to `room` bytes
 * of its stack into stack->data, and lets it go on. 0 or -errno: -EPERM when it cannot be traced.
 */
int ht_remote_stop_thread(struct ht_remote *r, pid_t tid, struct ht_all_regs *regs,
                          struct ht_remote_stack *stack, size_t room);

/* --- as a profile -------------------------------------------------------------------------------
 */

struct ht_profile;

/*
 * A sample of threads/count for each thread, with its stack and the labels thread (the name, its
 * digits folded to #), state, and syscall or wchan; with `each` also tid, and no two threads are
 * one sample. No names yet: see ht_symbolize. NULL: out of memory.
 */
struct ht_profile *ht_remote_threads_profile(struct ht_remote *r, const struct ht_remote_threads *t,
                                             bool each);

/* The name of a system call, or NULL. */
const char *ht_syscall_name(int64_t number);

/* One word for what a thread does: running, blocked, stopped, zombie... */
const char *ht_thread_state(const struct ht_remote_thread *t);

#endif

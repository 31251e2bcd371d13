/* SPDX-License-Identifier: MIT */
/*
 * Who holds blocks that are reachable: of each block that is asked about the shortest way from a
 * root, which is a variable, a thread's stack or register, other memory or the kernel, over the
 * blocks between. Variables come first: a block that one leads to is not said to be held by a
 * thread that merely works on it.
 */
#ifndef HEAPTAP_SRC_LEAKS_WHO_H
#define HEAPTAP_SRC_LEAKS_WHO_H

#include <stdio.h>

#include "leaks/leaks.h"

enum { HT_WHO_HOLDERS = 32 }; /* of one way, at most */

enum ht_who_kind {
    HT_WHO_BLOCK,
    /* Roots, in the order in which they are followed. */
    HT_WHO_GLOBAL,
    HT_WHO_THREAD_LOCAL,
    HT_WHO_MEMORY, /* a mapping that is no stack and of no object file */
    HT_WHO_KERNEL, /* epoll, timers */
    HT_WHO_STACK,
    HT_WHO_CALL, /* an argument of a system call that a thread waits in */
    HT_WHO_REGISTER,
    HT_WHO_AMONG, /* a mapping that blocks lie in too, and no block that is known */
    HT_WHO_KINDS,
};

/* "block", "global", "thread-local", "memory"... */
const char *ht_who_kind_name(enum ht_who_kind kind);

struct ht_profile;

struct ht_who_options {
    /* passes: at most, until all are held; every_ns, budget, stop, cancel, progress as there. */
    struct ht_leak_options look;
    const char *site;  /* a regular expression over the functions of the blocks' stacks */
    uint64_t oldest_s; /* only blocks that are at least so old */
    unsigned holders;  /* of one way, at most: 1 to HT_WHO_HOLDERS; the root is not counted */
    /* Gives the functions of a profile of the process their names. 0 or -errno. */
    int (*name)(void *ctx, struct ht_profile *p);
    void *name_ctx;
};

/* A root, or all roots that are one: the words of one variable, one function's frames. */
struct ht_who_place {
    enum ht_who_kind kind;
    char *name;   /* of the variable, the frame's function, the mapping, the register; "" unknown */
    char *object; /* path of a variable's file; "" where there is none */
    char *thread; /* its name, with # for its digits; "" where there is none */
};

/* One of the blocks, or of the roots, on a way. */
struct ht_who_holder {
    enum ht_who_kind kind;
    uint32_t name; /* of a block: its owner in `owner`, or HT_WHO_NO_SAMPLE; of a root the index in
                      `place` */
    uint32_t least, most; /* how many blocks in a row */
    bool aged;            /* of a block: oldest_s is known */
    uint64_t oldest_s;
    uint64_t low, high; /* where in the variable the words lie; of blocks without a sample their
                             sizes */
    uint32_t tid;       /* the thread; 0: several, or none */
    char thread[32];    /* its name, as it is */
};

#define HT_WHO_NO_SAMPLE (UINT32_MAX - 1)

/* Blocks of one owner that are held in the same way. */
struct ht_who_row {
    uint32_t owner;
    struct ht_who_holder *holder; /* the nearest first; the last is the root; none: nobody */
    uint32_t n_holders;
    uint32_t
        own;  /* the most blocks like it that were passed on the way: of its owner, or not sampled
                      and of its size */
    bool cut; /* some holders before the root are left out */
    double rate;   /* the largest */
    size_t blocks; /* that were seen */
    struct ht_evidence bytes, objects;
    uint64_t oldest_s;
};

struct ht_who_owner {
    char *name, *path; /* "open_session"; with its callers */
};

struct ht_who {
    struct ht_leaks look;
    struct ht_who_row *row; /* the most bytes first */
    size_t n, room;
    struct ht_who_owner *owner;
    size_t n_owners;
    struct ht_who_place *place;
    size_t n_places;
    size_t asked;   /* blocks */
    size_t unheld;  /* of them: nobody was seen to hold them in any pass */
    size_t freed;   /* gone meanwhile */
    size_t outside; /* outside of glibc's heap, which was walked: not told */
};

/* 0, or -errno with one line in msg, as ht_leaks_look; -EINVAL: `site` is malformed, -ENODATA: no
 * block matches. free in any case. */
int ht_leaks_who(struct ht_remote *r, const struct ht_who_options *o, struct ht_who *out, char *msg,
                 size_t msg_size);
void ht_who_free(struct ht_who *w);

struct ht_interval ht_who_bytes(const struct ht_who_row *row);
struct ht_interval ht_who_objects(const struct ht_who_row *row);

/* What a holder is called: "global cache+0x40 (libcache.so)", "thread worker-3, frame parse",
 * "block of open_session". Cut at the end of out. */
const char *ht_who_text(const struct ht_who *w, const struct ht_who_holder *h, char *out,
                        size_t size);

/* who_json.c: one object (docs/json.md). 0 or -ENOMEM. */
int ht_who_json(FILE *out, const struct ht_who *w, const char *site);

#endif

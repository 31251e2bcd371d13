/* SPDX-License-Identifier: MIT */
/*
 * Finds who holds reachable blocks: for each block that is asked about, the shortest path from a
 * root to it, with the blocks between. A root is a variable, a thread's stack or register, other
 * memory, or the kernel. Variables are followed first, so a block that a variable leads to does not
 * count as held by a thread that merely uses it.
 */
#ifndef HEAPTAP_SRC_LEAKS_WHO_H
#define HEAPTAP_SRC_LEAKS_WHO_H

#include <stdio.h>

#include "leaks/leaks.h"

enum { HT_WHO_HOLDERS = 32 }; /* the most on one path */

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
    HT_WHO_AMONG, /* a mapping with blocks, but outside of all known blocks */
    HT_WHO_KINDS,
};

/* "block", "global", "thread-local", "memory"... */
const char *ht_who_kind_name(enum ht_who_kind kind);

struct ht_profile;

struct ht_who_options {
    /* passes: at most so many; they end when a holder of each block is found. every_ns, budget,
     * stop, cancel and progress: as for leaks. */
    struct ht_leak_options look;
    const char *site;  /* a regular expression over the functions of the blocks' stacks */
    uint64_t oldest_s; /* only blocks that are at least so old */
    unsigned holders;  /* the most on one path, without the root: 1 to HT_WHO_HOLDERS */
    /* Gives the functions of a profile of the process their names. 0 or -errno. */
    int (*name)(void *ctx, struct ht_profile *p);
    void *name_ctx;
};

/* A root, or several that count as one: the words of one variable, the frames of one function. */
struct ht_who_place {
    enum ht_who_kind kind;
    char *name; /* of the variable, the frame's function, the mapping, the register; "": unknown */
    char *object; /* path of a variable's file; "" where there is none */
    char *thread; /* its name, with # for its digits; "" where there is none */
};

/* A block, or several alike in a row, or the root of a path. */
struct ht_who_holder {
    enum ht_who_kind kind;
    /* A block: the index of its owner, or HT_WHO_NO_SAMPLE. A root: the index of its place. */
    uint32_t name;
    uint32_t least, most; /* how many blocks in a row, over the blocks of the table's row */
    bool aged;            /* a block: oldest_s is known */
    uint64_t oldest_s;
    uint64_t low, high; /* offsets of the words in the variable; of unsampled blocks their sizes */
    uint32_t tid;       /* the thread; 0: several, or none */
    char thread[32];    /* its name, digits and all */
};

#define HT_WHO_NO_SAMPLE (UINT32_MAX - 1)

/* Blocks of one owner that are held in the same way. */
struct ht_who_row {
    uint32_t owner;
    struct ht_who_holder *holder; /* the nearest first, the root last; none: nobody holds it */
    uint32_t n_holders;
    /* The most blocks of the same kind on a path: of this owner, or unsampled and of this size. */
    uint32_t own;
    bool cut;      /* some holders before the root are left out */
    double rate;   /* the largest of the samples */
    size_t blocks; /* how many were seen */
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
    size_t asked;   /* how many blocks were asked about */
    size_t unheld;  /* of these: no pass found a holder */
    size_t freed;   /* of these: freed meanwhile */
    size_t outside; /* of these: outside of the heap that was walked, so nothing is known */
};

/* Looks for holders. 0, or -errno with one line in msg, as ht_leaks_look; -EINVAL: `site` is not a
 * valid expression, -ENODATA: no block matches. ht_who_free in either case. */
int ht_leaks_who(struct ht_remote *r, const struct ht_who_options *o, struct ht_who *out, char *msg,
                 size_t msg_size);
void ht_who_free(struct ht_who *w);

/* who_rows.c: the 95 % intervals of a row's figures. */
struct ht_interval ht_who_bytes(const struct ht_who_row *row);
struct ht_interval ht_who_objects(const struct ht_who_row *row);

/* who_text.c: the text for a holder: "global cache+0x40 (libcache.so)", "thread worker-3, frame
 * parse", "block of open_session". Cut at the end of out. Returns out. */
const char *ht_who_text(const struct ht_who *w, const struct ht_who_holder *h, char *out,
                        size_t size);

/* who_json.c: one object (docs/json.md). 0 or -ENOMEM. */
int ht_who_json(FILE *out, const struct ht_who *w, const char *site);

#endif

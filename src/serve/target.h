/* SPDX-License-Identifier: MIT */
/*
 * The sources of the server's profiles. A source is asked at every request, so processes may come
 * and go; what it returns belongs to the caller. Its functions are called from many threads.
 */
#ifndef HEAPTAP_SRC_SERVE_TARGET_H
#define HEAPTAP_SRC_SERVE_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ht_profile;

/* Negative: unknown. */
struct ht_target_stats {
    int64_t inuse_bytes, inuse_objects, alloc_bytes, alloc_objects, samples, lost, rate;
    int64_t resident, threads;
};

/* One target: a process, dead or alive, or a file. */
struct ht_target {
    char id[32];      /* the first part of its address: the PID, or a file's number */
    char *name;       /* program or file */
    char *command;    /* with its arguments; the file's path */
    char *damage;     /* why it cannot be read, NULL when it can */
    pid_t pid;        /* 0 for a file */
    uint64_t started; /* of a process, nanoseconds since 1970: tells it from others of its PID */
    bool alive;
    bool reading; /* a file that is still being read; its figures are not known */
    struct ht_target_stats stats;
};

struct ht_serve_source {
    void *ctx;
    bool live; /* profiles change: the page offers marks, refresh and seconds= */
    /* A new array and its length, to be freed by ht_targets_free. 0 or -errno. */
    int (*list)(void *ctx, struct ht_target **targets, size_t *n);
    /* The same without any effect, for who looks again and again; NULL: figures do not change. */
    int (*glance)(void *ctx, struct ht_target **targets, size_t *n);
    /* A fresh profile, without symbols unless its file has them. NULL with *err (-ENOENT when
     * there is no such target any more) and one line in msg. *pid: of the process if it lives. */
    struct ht_profile *(*profile)(void *ctx, const char *id, pid_t *pid, int *err, char *msg,
                                  size_t msg_size);
    /* The same, but with a sample for each age that objects in use have, with a label "age"
     * (seconds, at least); NULL: ages are not known here. */
    struct ht_profile *(*aged)(void *ctx, const char *id, pid_t *pid, int *err, char *msg,
                               size_t msg_size);
    /* The profile encoded and gzipped, to be freed; NULL for a source that has no quicker way. */
    int (*raw)(void *ctx, const char *id, void **data, size_t *size, char *msg, size_t msg_size);
    /* The NUL-separated words of the command line, to be freed. The same errors. */
    int (*cmdline)(void *ctx, const char *id, char **words, size_t *size, char *msg,
                   size_t msg_size);
    /* Ends the waits inside of profile: the server stops. NULL for a source that never waits. */
    void (*stop)(void *ctx);
};

void ht_targets_free(struct ht_target *targets, size_t n);

/* target_memory.c: profiles in memory, which must outlive the source. Where one is NULL they are
 * being read: requests for profiles then wait for ht_source_memory_read, which tells that all are
 * there (ok), or that there will be none. It is called once, from any thread; the profiles do not
 * change after.
 */
struct ht_named_profile {
    const char *name;
    struct ht_profile *profile;
};
int ht_source_memory_init(struct ht_serve_source *s, const struct ht_named_profile *profiles,
                          size_t n);
void ht_source_memory_read(struct ht_serve_source *s, bool ok);
void ht_source_memory_finish(struct ht_serve_source *s);

/* target_live.c: processes: those of the PIDs that words name, which must outlive the source, or
 * all profiled ones of this user when n is 0. */
int ht_source_live_init(struct ht_serve_source *s, char *const *words, size_t n);
void ht_source_live_finish(struct ht_serve_source *s);

/* The sums of a profile, for sources that have no faster way. */
void ht_target_stats_of(const struct ht_profile *p, struct ht_target_stats *stats);

#endif

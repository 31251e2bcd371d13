/* SPDX-License-Identifier: MIT */
/*
 * Regions from outside: a private copy of one, checked, as of a living process or a dead one.
 * The copy is taken with pread, so that a file that is cut short meanwhile is an error and no
 * signal, and nothing that its owner does afterwards changes what is read. open.c opens and closes
 * regions, profile.c makes profiles of them, names.c adds names.
 */
#ifndef HEAPTAP_SRC_SNAPSHOT_REGION_H
#define HEAPTAP_SRC_SNAPSHOT_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "region/view.h"

struct ht_apart;
struct ht_profile;
struct ht_region_window;
struct ht_symbolize_options;

struct ht_region {
    struct ht_view view;             /* of the copy */
    struct ht_region_window *window; /* what reads it as it is needed; NULL: it is copied whole */
    void *copy;
    uint64_t copy_size;
    bool on_heap; /* copy is the header alone, and malloc's; else it is mapped */
    bool alive;
    pid_t pid;          /* as seen from here; 0 when the process is gone */
    pid_t thread;       /* of the process: one that lives */
    char state;         /* of the process, as /proc says it */
    uint32_t threads;   /* of the process */
    bool fresh;         /* a fork's child that has no region of its own yet: an empty profile */
    uint64_t lost_from; /* what lay from there on was in the memory of a process that is gone */
    char path[1300];    /* "" when it was read out of the process */
};

/*
 * The region of a process: of the living one of that pid, else of the last dead one of that number.
 * 0, or -errno with one line in msg: -ESRCH no such process, -ENOENT not profiled, -EACCES,
 * -EINVAL damaged, -EPROTO of another version.
 */
int ht_region_open_pid(struct ht_region *r, pid_t pid, char *msg, size_t msg_size);

/* Either, by what the word is. */
int ht_region_open(struct ht_region *r, const char *word, char *msg, size_t msg_size);

/* Which live objects count; all zero: all of them. Ages are of the moment the region was read; for
 * a dead process of its last sample. */
struct ht_region_ages {
    uint64_t min_ns, max_ns; /* max_ns 0: no limit */
    bool label;              /* a sample for each age bucket, with a label "age" */
};

/* As ht_region_open, but the region is read as it is needed: some 40 MB of memory, whatever its
 * size. Live records are read for ages alone. r must stay where it is. */
int ht_region_open_to_read(struct ht_region *r, const char *word, char *msg, size_t msg_size);

/* A region file. */
int ht_region_open_path(struct ht_region *r, const char *path, char *msg, size_t msg_size);

/* The file of a living process's region, which can be read when the process and its name are gone:
 * a descriptor, -ENOENT when the region is in memory alone, or another -errno. */
int ht_region_file_of(pid_t pid);

/* The header alone, of a file that is open. */
int ht_region_open_header(struct ht_region *r, int fd, const char *path, char *msg,
                          size_t msg_size);

void ht_region_close(struct ht_region *r);

/* True for a regular file that begins like a region. */
bool ht_region_is_file(const char *path);

/* A word that is a PID: digits only. */
bool ht_region_is_pid(const char *word, pid_t *pid);

/* The profile, without symbols. ages may be NULL. NULL with *err and one line in msg. */
struct ht_profile *ht_region_profile(const struct ht_region *r, const struct ht_region_ages *ages,
                                     int *err, char *msg, size_t msg_size);

/* The same as the bytes of a gzipped profile, without the model in between. Samples written, or
 * -errno. */
int64_t ht_region_raw(const struct ht_region *r, const struct ht_region_ages *ages, void **data,
                      size_t *size);

/* The same with the samples apart (profile/apart.h), in memory that does not grow with them. *n:
 * samples, or -errno with NULL. */
struct ht_apart *ht_region_apart(const struct ht_region *r, const struct ht_region_ages *ages,
                                 int64_t *n);

/* What is to be said of a region besides its profile: "" for nothing. */
void ht_region_note(const struct ht_region *r, const char *word, char *note, size_t size);

/*
 * The profile with names. symbolize NULL: none; else its pid is filled in here. note gets what is
 * to be said besides ("" for nothing) and may be NULL; word is what the user called it.
 */
struct ht_profile *ht_region_names(const struct ht_region *r, const char *word,
                                   const struct ht_region_ages *ages,
                                   const struct ht_symbolize_options *symbolize, int *err,
                                   char *msg, size_t msg_size, char *note, size_t note_size);

/* The same as a gzipped profile in malloc'ed memory, without its samples in the model. Samples
 * written, or -errno with one line in msg. */
int64_t ht_region_named(const struct ht_region *r, const char *word,
                        const struct ht_region_ages *ages,
                        const struct ht_symbolize_options *symbolize, void **data, size_t *size,
                        char *msg, size_t msg_size, char *note, size_t note_size);

/* All in one: word is a PID or the path of a region. */
struct ht_profile *ht_region_load(const char *word, const struct ht_region_ages *ages,
                                  const struct ht_symbolize_options *symbolize, int *err, char *msg,
                                  size_t msg_size, char *note, size_t note_size);

#endif

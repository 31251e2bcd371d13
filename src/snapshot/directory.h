/* SPDX-License-Identifier: MIT */
/* The directories that regions lie in. */
#ifndef HEAPTAP_SRC_SNAPSHOT_DIRECTORY_H
#define HEAPTAP_SRC_SNAPSHOT_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* PID.STARTTICKS.NUMBER */
struct ht_region_name {
    pid_t pid;
    uint64_t start_ticks; /* 0 in a search: any */
    uint64_t number;
};

bool ht_region_name_parse(const char *s, struct ht_region_name *out);

/* True when two start times in ticks can be of one process: they differ by one tick in a time
 * namespace whose offset is not a whole number of ticks. */
static inline bool ht_same_start(uint64_t a, uint64_t b)
{
    return a - b + 1 <= 2;
}

/*
 * Calls fn for each region file in the directories: HEAPTAP_REGION_DIR when it is set, as in the
 * library; else this user's, for root every user's. fd is of the file, st what fstat says, dir the
 * directory's descriptor. Files that are not what the library makes (a link, another owner's, open
 * to others) are passed over. fn's non-zero result ends the walk and is returned; so is -EMFILE or
 * -ENFILE when a directory or file could not be opened because there are no free descriptors.
 */
typedef int (*ht_region_file_fn)(void *ctx, int dir, const char *directory, const char *file,
                                 int fd, const struct stat *st, const struct ht_region_name *name);
int ht_region_directory_walk(ht_region_file_fn fn, void *ctx);

/*
 * The same for marks: links to nothing, named like regions, of processes that could have no region
 * in a file (target/process/mark.h). text is the link's target, st what lstat returns.
 */
typedef int (*ht_region_mark_fn)(void *ctx, int dir, const char *file, const char *text,
                                 const struct stat *st, const struct ht_region_name *name);
int ht_region_directory_walk_marks(ht_region_mark_fn fn, void *ctx);

/* The same for the directories below another root: a container's, by its descriptor. */
int ht_region_directory_walk_root(int root, const char *shown, ht_region_file_fn fn, void *ctx);

/* Opens a path below another root: no link is followed, and nothing outside is reached. flags
 * are open's. A descriptor, or -1 with errno. */
int ht_open_below(int root, const char *path, int flags);

/* Opens the youngest region of that name (number is ignored). A descriptor and its path, or
 * -ENOENT. */
int ht_region_directory_find(const struct ht_region_name *name, char *path, size_t size);

#endif

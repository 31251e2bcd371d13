/* SPDX-License-Identifier: MIT */
/*
 * What a benchmark allocates by operation, as `heaptap stat` prints it:
 *
 *     struct heaptap_bench b;
 *     heaptap_bench_begin(&b, "parse");
 *     for (int i = 0; i < 1000; i++)
 *         parse(text);
 *     heaptap_bench_end(&b, 1000);
 *
 * The counts are those of the whole process: other threads should rest meanwhile. Without the
 * library, or without `heaptap stat`, nothing happens.
 */
#ifndef HEAPTAP_BENCH_H
#define HEAPTAP_BENCH_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "heaptap/heaptap.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of one benchmark; not shared by threads. */
struct heaptap_bench {
    const char *name; /* not copied; control characters and blanks in it become '_' */
    struct heaptap_counts before;
    uint64_t temporary_before, temporary_bytes_before;
    int temporary_error; /* 0: temporary blocks are counted */
};

/* From here on counts. 0, or -errno as heaptap_call_counts: nothing is counted. */
static inline int heaptap_bench_begin(struct heaptap_bench *b, const char *name)
{
    int error;
    memset(b, 0, sizeof *b);
    b->temporary_error = heaptap_call_temporary(&b->temporary_before, &b->temporary_bytes_before);
    error = heaptap_call_counts(&b->before);
    b->name = error ? NULL : name;
    return error;
}

/*
 * Up to here, in so many operations, at least one. Adds a line to the file that `heaptap stat`
 * names in HEAPTAP_BENCH; without that it only reads the counts. 0 or -errno (-EINVAL: no
 * operation, or begin failed).
 */
static inline int heaptap_bench_end(struct heaptap_bench *b, uint64_t operations)
{
    struct heaptap_counts now;
    uint64_t temporary, temporary_bytes;
    const char *path;
    char line[512];
    int n, fd, error = heaptap_call_counts(&now);
    if (error)
        return error;
    if (!b->name || !operations)
        return -EINVAL;
    n = snprintf(line, sizeof line, "%.200s", b->name);
    for (int i = 0; i < n; i++)
        if ((unsigned char)line[i] <= ' ' || line[i] == 0x7f)
            line[i] = '_';
    n += snprintf(line + n, sizeof line - (size_t)n, " %llu %llu %llu %llu",
                  (unsigned long long)operations,
                  (unsigned long long)(now.allocations - b->before.allocations),
                  (unsigned long long)(now.allocated_bytes - b->before.allocated_bytes),
                  (unsigned long long)(now.frees - b->before.frees));
    if (!b->temporary_error && !heaptap_call_temporary(&temporary, &temporary_bytes))
        n += snprintf(line + n, sizeof line - (size_t)n, " %llu %llu",
                      (unsigned long long)(temporary - b->temporary_before),
                      (unsigned long long)(temporary_bytes - b->temporary_bytes_before));
    line[n++] = '\n';
    path = getenv("HEAPTAP_BENCH");
    if (!path || !*path)
        return 0;
    fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    error = write(fd, line, (size_t)n) == n ? 0 : -(errno ? errno : EIO);
    close(fd);
    return error;
}

#ifdef __cplusplus
}
#endif

#endif

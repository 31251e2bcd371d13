/* SPDX-License-Identifier: MIT */
/*
 * heaptap from inside a program. The program need not link with the library: the functions are
 * weak, and the inline calls below do nothing and say so (-ENOSYS) when it is not preloaded.
 *
 * All are thread-safe. heaptap_call_active, _dump, _dump_fd, _counts, _temporary, _label,
 * _label_end and _version are async-signal-safe. heaptap/bench.h has counts by operation for
 * benchmarks.
 */
#ifndef HEAPTAP_HEAPTAP_H
#define HEAPTAP_HEAPTAP_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) && !defined(HEAPTAP_STRONG)
#define HEAPTAP_WEAK __attribute__((weak))
#else
#define HEAPTAP_WEAK
#endif

/* 1 while this process is sampled, 0 while it is dormant (--start=off, heaptap_stop). */
int heaptap_active(void) HEAPTAP_WEAK;

/* Begin and end sampling, of all threads at once. What was sampled stays in the profile, and its
 * frees are followed. 0 or -errno. */
int heaptap_start(void) HEAPTAP_WEAK;
int heaptap_stop(void) HEAPTAP_WEAK;

/* Writes the profile to a path (NULL: the configured pattern, numbered), or to an open descriptor.
 * 0 or -errno; -EBUSY while another dump runs (with NULL it is made right after that one). */
int heaptap_dump(const char *path) HEAPTAP_WEAK;
int heaptap_dump_fd(int fd) HEAPTAP_WEAK;

/* Mean bytes between samples from now on; 1 is exact mode. The next sample of another thread still
 * comes at the rate before, and has its weight. -EINVAL for 0 or more than 2^40. */
int heaptap_set_rate(size_t bytes) HEAPTAP_WEAK;

/* Takes down the frees that signal handlers left behind, so that the next dump has them. 0. */
int heaptap_flush(void) HEAPTAP_WEAK;

/* Objects and bytes that all threads of the process allocated and freed so far: exact in exact
 * mode, else estimates; what was allocated while nothing was sampled is not in them. Costs time
 * with the number of stacks. 0, or -ENODEV when this process is not profiled. */
struct heaptap_counts {
    uint64_t allocations, allocated_bytes, frees, freed_bytes;
};
int heaptap_read_counts(struct heaptap_counts *counts) HEAPTAP_WEAK;

/* Of them the temporary ones: freed by the next call of the thread that allocated them, with no
 * allocation and no free between. Counted under `heaptap stat` alone. 0, -ENODEV as above, or
 * -ENOTSUP: they are not counted. */
int heaptap_read_temporary(uint64_t *objects, uint64_t *bytes) HEAPTAP_WEAK;

/*
 * A label of the calling thread: what it allocates from now on is sampled with it, until
 * heaptap_label_end is called with the number that was returned, by the same thread. Inner labels
 * end with the outer one; of one key the inner value holds; value NULL takes an outer label away.
 * Both texts are copied; of a value 126 bytes count. The frees of other threads do not matter: a
 * block has the labels of its allocation.
 *
 * Nothing is recorded, and 0 returned, unless the key was asked for (heaptap run --labels=KEY,...).
 * -ENOSPC: 8 labels are set already; -ENOMEM: no memory; -EBUSY: signal handlers set labels all the
 * while; -ENOSYS from heaptap_call_label: not preloaded. Such a number may be given to
 * heaptap_label_end, which then does nothing.
 */
int heaptap_label(const char *key, const char *value) HEAPTAP_WEAK;
void heaptap_label_end(int before) HEAPTAP_WEAK;

/* "0.1.0". */
const char *heaptap_version(void) HEAPTAP_WEAK;

#ifndef HEAPTAP_STRONG /* the library itself has no use for these */
static inline int heaptap_call_active(void)
{
    return heaptap_active ? heaptap_active() : -ENOSYS;
}
static inline int heaptap_call_start(void)
{
    return heaptap_start ? heaptap_start() : -ENOSYS;
}
static inline int heaptap_call_stop(void)
{
    return heaptap_stop ? heaptap_stop() : -ENOSYS;
}
static inline int heaptap_call_dump(const char *path)
{
    return heaptap_dump ? heaptap_dump(path) : -ENOSYS;
}
static inline int heaptap_call_dump_fd(int fd)
{
    return heaptap_dump_fd ? heaptap_dump_fd(fd) : -ENOSYS;
}
static inline int heaptap_call_set_rate(size_t bytes)
{
    return heaptap_set_rate ? heaptap_set_rate(bytes) : -ENOSYS;
}
static inline int heaptap_call_flush(void)
{
    return heaptap_flush ? heaptap_flush() : -ENOSYS;
}
static inline int heaptap_call_counts(struct heaptap_counts *counts)
{
    return heaptap_read_counts ? heaptap_read_counts(counts) : -ENOSYS;
}
static inline int heaptap_call_temporary(uint64_t *objects, uint64_t *bytes)
{
    return heaptap_read_temporary ? heaptap_read_temporary(objects, bytes) : -ENOSYS;
}
static inline int heaptap_call_label(const char *key, const char *value)
{
    return heaptap_label ? heaptap_label(key, value) : -ENOSYS;
}
static inline void heaptap_call_label_end(int before)
{
    if (heaptap_label_end)
        heaptap_label_end(before);
}

#ifdef __GNUC__
static inline void heaptap_label_cleanup(const int *before)
{
    heaptap_call_label_end(*before);
}
#define HEAPTAP_LABEL_NAME_(line) heaptap_label_##line
#define HEAPTAP_LABEL_NAME(line)  HEAPTAP_LABEL_NAME_(line)
/* A label until the enclosing block ends, however it is left: in C++ by an exception, too. Both
 * arguments are evaluated once. One on a line. */
#define HEAPTAP_LABEL(key, value)                                                                  \
    __attribute__((cleanup(heaptap_label_cleanup), unused)) const int HEAPTAP_LABEL_NAME(          \
        __LINE__) = heaptap_call_label(key, value)
#endif
static inline const char *heaptap_call_version(void)
{
    return heaptap_version ? heaptap_version() : "";
}
#endif

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Calls that may keep a process from making a region afterwards, passed on: below another root
 * there may be no directory of regions, and a limit on the size or the number of files may forbid
 * the file. A process that has no region yet makes it first. The new limit is not read: the pointer
 * may be bad, which is the kernel's to find.
 */
#include "config.h"

#include "target/hooks/passed/confine.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "target/hooks/export.h"
#include "target/os/loader.h"
#include "target/os/sys.h"
#include "target/process/adopt.h"
#include "target/state/state.h"

static int (*next_chroot)(const char *), (*next_pivot_root)(const char *, const char *);
static int (*next_setrlimit)(int, const void *), (*next_setrlimit64)(int, const void *);
static int (*next_prlimit)(pid_t, int, const void *, void *),
    (*next_prlimit64)(pid_t, int, const void *, void *);

__attribute__((constructor)) static void find(void)
{
    next_chroot = (__typeof__(next_chroot))ht_next_symbol("chroot");
    next_pivot_root = (__typeof__(next_pivot_root))ht_next_symbol("pivot_root");
    next_setrlimit = (__typeof__(next_setrlimit))ht_next_symbol("setrlimit");
    next_setrlimit64 = (__typeof__(next_setrlimit64))ht_next_symbol("setrlimit64");
    next_prlimit = (__typeof__(next_prlimit))ht_next_symbol("prlimit");
    next_prlimit64 = (__typeof__(next_prlimit64))ht_next_symbol("prlimit64");
}

static bool has_no_region(void)
{
    return ht_forked() && !ht_tls.reentrancy_depth;
}

static void make_region(void)
{
    int saved = errno;
    ht_postfork_child();
    errno = saved;
}

/* pid: 0 is this process. sets: the limit is not only asked for. */
static void before_limit(pid_t pid, int resource, bool sets)
{
    if (sets && (resource == RLIMIT_FSIZE || resource == RLIMIT_NOFILE) && has_no_region() &&
        (!pid || pid == (pid_t)SYS0(SYS_getpid)))
        make_region();
}

void ht_before_confining(long number, long a, long b, long c)
{
    if (number == SYS_prlimit64)
        before_limit((pid_t)a, (int)b, c != 0);
    else if (number == SYS_setrlimit)
        before_limit(0, (int)a, b != 0);
    else if (has_no_region())
        make_region();
}

static inline void resolved(const void *fn)
{
    if (!fn)
        find();
}

EXPORT int chroot(const char *path)
{
    resolved((const void *)next_chroot);
    if (has_no_region())
        make_region();
    return next_chroot(path);
}

EXPORT int pivot_root(const char *new_root, const char *put_old); /* in no header */
int pivot_root(const char *new_root, const char *put_old)
{
    resolved((const void *)next_pivot_root);
    if (has_no_region())
        make_region();
    return next_pivot_root(new_root, put_old);
}

/* The names are given to the assembler: the header has setrlimit mean setrlimit64. */
#define SETRLIMIT(symbol)                                                                          \
    EXPORT int hook_##symbol(int, const void *) __asm__(#symbol);                                  \
    int hook_##symbol(int resource, const void *limit)                                             \
    {                                                                                              \
        resolved((const void *)next_##symbol);                                                     \
        before_limit(0, resource, limit);                                                          \
        return next_##symbol(resource, limit);                                                     \
    }
SETRLIMIT(setrlimit)
SETRLIMIT(setrlimit64)

#define PRLIMIT(symbol)                                                                            \
    EXPORT int hook_##symbol(pid_t, int, const void *, void *) __asm__(#symbol);                   \
    int hook_##symbol(pid_t pid, int resource, const void *limit, void *old)                       \
    {                                                                                              \
        resolved((const void *)next_##symbol);                                                     \
        before_limit(pid, resource, limit);                                                        \
        return next_##symbol(pid, resource, limit, old);                                           \
    }
PRLIMIT(prlimit)
PRLIMIT(prlimit64)

/* SPDX-License-Identifier: MIT */
/*
 * Failure injection, in the tests' build of the library only (HT_INJECT): the HEAPTAP_INJECT-th of our
 * system calls fails as the kernel would make it fail; with HEAPTAP_INJECT=N+, it and all behind it.
 */
#include "config.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "preload/sys.h"

static _Atomic long made;
static long first, onward = -1; /* onward -1: not read yet */

static void read_environment(void)
{
    const char *v = getenv("HEAPTAP_INJECT");
    first = v ? strtol(v, NULL, 10) : 0;
    onward = v && strchr(v, '+');
}

bool ht_inject(long number, long *result)
{
    switch (number) {
    case SYS_getpid:
    case SYS_getppid:
    case SYS_geteuid:
    case SYS_exit_group:
    case SYS_close:
    case SYS_munmap:
    case SYS_sched_yield:
    case SYS_nanosleep:
        return false; /* these do not fail */
    default:
        break;
    }
    if (onward < 0)
        read_environment();
    long n = atomic_fetch_add(&made, 1) + 1;
    if (!first || n < first || (n > first && !onward))
        return false;
    switch (number) {
    case SYS_mmap:
    case SYS_mprotect:
    case SYS_madvise:
        *result = -ENOMEM;
        break;
    case SYS_write:
    case SYS_fallocate:
    case SYS_ftruncate:
        *result = -ENOSPC;
        break;
    case SYS_openat:
        *result = -EMFILE;
        break;
    default:
        *result = -EACCES;
    }
    return true;
}

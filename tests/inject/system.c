/* SPDX-License-Identifier: MIT */
/* Each of the library's own system calls, made to fail as the kernel would make it fail. */
#include "config.h"

#include <errno.h>
#include <sys/syscall.h>

#include "target/os/fault.h"
#include "target/os/sys.h"

void ht_note_system_call(long number, bool failed);

bool ht_inject(long number, long *result)
{
    ht_note_system_call(number, false);
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
    if (!ht_fault("system"))
        return false;
    ht_note_system_call(number, true);
    switch (number) {
    case SYS_mmap:
    case SYS_mprotect:
    case SYS_madvise:
    case SYS_mremap:
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

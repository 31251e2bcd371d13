/* SPDX-License-Identifier: MIT */
/* The system calls in which threads wait, by their numbers on x86-64 (arch/x86/entry/syscalls). */
#include "config.h"

#include <sys/syscall.h>

#include "remote/remote.h"

#define CALLS(X)                                                                                   \
    X(accept)                                                                                      \
    X(accept4)                                                                                     \
    X(access)                                                                                      \
    X(clock_nanosleep)                                                                             \
    X(clone)                                                                                       \
    X(close)                                                                                       \
    X(connect)                                                                                     \
    X(copy_file_range)                                                                             \
    X(epoll_pwait)                                                                                 \
    X(epoll_wait)                                                                                  \
    X(execve)                                                                                      \
    X(exit)                                                                                        \
    X(fallocate)                                                                                   \
    X(fcntl)                                                                                       \
    X(fdatasync)                                                                                   \
    X(flock)                                                                                       \
    X(fsync)                                                                                       \
    X(ftruncate)                                                                                   \
    X(futex)                                                                                       \
    X(getdents64)                                                                                  \
    X(getrandom)                                                                                   \
    X(io_getevents)                                                                                \
    X(ioctl)                                                                                       \
    X(madvise)                                                                                     \
    X(mmap)                                                                                        \
    X(mprotect)                                                                                    \
    X(mq_timedreceive)                                                                             \
    X(mq_timedsend)                                                                                \
    X(mremap)                                                                                      \
    X(msgrcv)                                                                                      \
    X(msgsnd)                                                                                      \
    X(msync)                                                                                       \
    X(munmap)                                                                                      \
    X(nanosleep)                                                                                   \
    X(newfstatat)                                                                                  \
    X(openat)                                                                                      \
    X(pause)                                                                                       \
    X(poll)                                                                                        \
    X(ppoll)                                                                                       \
    X(pread64)                                                                                     \
    X(preadv)                                                                                      \
    X(pselect6)                                                                                    \
    X(pwrite64)                                                                                    \
    X(pwritev)                                                                                     \
    X(read)                                                                                        \
    X(readlink)                                                                                    \
    X(readv)                                                                                       \
    X(recvfrom)                                                                                    \
    X(recvmmsg)                                                                                    \
    X(recvmsg)                                                                                     \
    X(rename)                                                                                      \
    X(restart_syscall)                                                                             \
    X(rt_sigsuspend)                                                                               \
    X(rt_sigtimedwait)                                                                             \
    X(sched_yield)                                                                                 \
    X(select)                                                                                      \
    X(semop)                                                                                       \
    X(semtimedop)                                                                                  \
    X(sendfile)                                                                                    \
    X(sendmmsg)                                                                                    \
    X(sendmsg)                                                                                     \
    X(sendto)                                                                                      \
    X(splice)                                                                                      \
    X(stat)                                                                                        \
    X(sync)                                                                                        \
    X(sync_file_range)                                                                             \
    X(syncfs)                                                                                      \
    X(tee)                                                                                         \
    X(unlink)                                                                                      \
    X(vmsplice)                                                                                    \
    X(wait4)                                                                                       \
    X(waitid)                                                                                      \
    X(write)                                                                                       \
    X(writev)

const char *ht_syscall_name(int64_t number)
{
    switch (number) {
#define X(name)                                                                                    \
    case SYS_##name:                                                                               \
        return #name;
        CALLS(X)
#undef X
    /* Newer than the headers of the oldest system this is built on. */
    case 425:
        return "io_uring_setup";
    case 426:
        return "io_uring_enter";
    case 333:
        return "io_pgetevents";
    case 441:
        return "epoll_pwait2";
    case 449:
        return "futex_waitv";
    case 455:
        return "futex_wait";
    default:
        return NULL;
    }
}

/* SPDX-License-Identifier: MIT */
/*
 * System calls without libc: no errno, no cancellation point, no lazy binding, usable in a signal
 * handler. Results are the kernel's: >= 0 or -errno.
 */
#ifndef HEAPTAP_SRC_TARGET_OS_SYS_H
#define HEAPTAP_SRC_TARGET_OS_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "target/os/hidden.h"
#include "util/kernel.h"

#ifdef HT_INJECT
/* True when the test wants this call to fail with *result. */
bool ht_inject(long number, long *result);
#endif

static inline long ht_syscall(long n, long a, long b, long c, long d, long e, long f)
{
    long r;
#ifdef HT_INJECT
    if (ht_inject(n, &r))
        return r;
#endif
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(r)
                     : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return r;
}

#define SYS0(n)             ht_syscall(n, 0, 0, 0, 0, 0, 0)
#define SYS1(n, a)          ht_syscall(n, (long)(a), 0, 0, 0, 0, 0)
#define SYS2(n, a, b)       ht_syscall(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define SYS3(n, a, b, c)    ht_syscall(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define SYS4(n, a, b, c, d) ht_syscall(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define SYS6(n, a, b, c, d, e, f)                                                                  \
    ht_syscall(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* The program has shut itself in: system calls may be refused, or end it. Set before a seccomp
 * filter is; never cleared; inherited by fork. */
extern HT_HIDDEN bool ht_sandboxed;

#define SYS_FAILED(r) ((unsigned long)(r) > -4096UL)

/* Anonymous private memory, not reserved; NULL when refused. */
void *ht_sys_anonymous(size_t n);

/* True when the page around `at` can be read; never faults. One system call, rt_sigaction, which
 * changes nothing. */
bool ht_page_readable(uint64_t at);

/* Makes the page around `at`, which must be new and all zero, present for writing; false where a
 * write would be a SIGBUS (a full file system). One call, rt_sigaction, which changes nothing. Any
 * thread; signal-safe; takes no lock. */
bool ht_page_make_present(uint64_t at);

/* Within ht_own_descriptors: reads a whole small file into buf (NUL-terminated, at most n - 1
 * bytes). Bytes read or -errno. */
long ht_sys_read_file(const char *path, char *buf, size_t n);

/*
 * A write can raise a signal as well as fail: SIGXFSZ beyond the limit on the size of files,
 * SIGPIPE to a pipe without a reader. Blocked around the library's writes, together with `more`,
 * and consumed if a write raised it.
 */
struct ht_held {
    uint64_t mask, pending; /* the thread's mask before */
};
struct ht_held ht_hold_write_signals(uint64_t more);
void ht_release_write_signals(struct ht_held held, int err);

/* A coarse clock (CLOCK_..._COARSE) in nanoseconds, by the vDSO: no system call. Not a finer one:
 * the vDSO reads the processor's counter for those, which a program may forbid (PR_SET_TSC). */
uint64_t ht_sys_clock(int clock);

/* Any clock in nanoseconds, by a system call. */
uint64_t ht_sys_clock_exact(int clock);

#endif

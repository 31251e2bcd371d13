/* SPDX-License-Identifier: MIT */
/* System calls that several rooms need. */
#include "config.h"

#include "target/os/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>

#include "target/os/machine.h"

bool ht_sandboxed;

void *ht_sys_anonymous(size_t n)
{
    long r = SYS6(SYS_mmap, 0, n, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return SYS_FAILED(r) ? NULL : (void *)r;
}

bool ht_page_readable(uint64_t at)
{
    /* The kernel reads the new action before it finds that there is no signal 0: -EFAULT or
     * -EINVAL, and nothing is changed (kernel/signal.c, rt_sigaction). */
    return SYS4(SYS_rt_sigaction, 0, HT_PAGE_DOWN(at), NULL, 8) == -EINVAL;
}

bool ht_page_make_present(uint64_t at)
{
    /* The kernel copies SIGKILL's action to the page: 32 bytes of zeros, for no process can change
     * it. A store of the kernel's that faults is -EFAULT and no signal. */
    return !SYS_FAILED(SYS4(SYS_rt_sigaction, SIGKILL, NULL, HT_PAGE_DOWN(at), 8));
}

long ht_sys_read_file(const char *path, char *buf, size_t n)
{
    long fd = SYS4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (SYS_FAILED(fd))
        return fd;
    size_t got = 0;
    long r = 0;
    while (got < n - 1 && (r = SYS3(SYS_read, fd, buf + got, n - 1 - got)) > 0)
        got += (size_t)r;
    SYS1(SYS_close, fd);
    buf[got] = 0;
    return r < 0 ? r : (long)got;
}

uint64_t ht_sys_clock(int clock)
{
    struct timespec t = {0, 0};
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

uint64_t ht_sys_clock_exact(int clock)
{
    struct timespec t = {0, 0};
    SYS2(SYS_clock_gettime, clock, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

#define BIT(signal) (1ull << ((signal)-1))

struct ht_held ht_hold_write_signals(uint64_t more)
{
    struct ht_held held = {0, 0};
    uint64_t set = BIT(SIGXFSZ) | BIT(SIGPIPE) | more;
    SYS4(SYS_rt_sigprocmask, SIG_BLOCK, &set, &held.mask, 8);
    SYS2(SYS_rt_sigpending, &held.pending, 8);
    return held;
}

void ht_release_write_signals(struct ht_held held, int err)
{
    uint64_t set = err == -EFBIG ? BIT(SIGXFSZ) : err == -EPIPE ? BIT(SIGPIPE) : 0;
    struct timespec none = {0, 0};
    if (set & ~held.pending)
        SYS4(SYS_rt_sigtimedwait, &set, NULL, &none, 8);
    SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &held.mask, NULL, 8);
}

/* SPDX-License-Identifier: MIT */
/* Makes the library's system calls in a child: a call that is fatal there would be fatal in the
 * program. */
#include "config.h"

#include "cli/run/filters.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util/kernel.h"

struct filters {
    unsigned mode, count; /* /proc/PID/status's Seccomp, Seccomp_filters */
};

static struct filters filters_of(pid_t pid)
{
    struct filters f = {0};
    char line[256];
    snprintf(line, sizeof line, "/proc/%d/status", (int)pid);
    FILE *status = fopen(line, "re");
    while (status && fgets(line, sizeof line, status)) {
        sscanf(line, "Seccomp: %u", &f.mode);
        sscanf(line, "Seccomp_filters: %u", &f.count);
    }
    if (status)
        fclose(status);
    return f;
}

bool ht_filters_its_own(pid_t pid)
{
    struct filters its = filters_of(pid), ours = filters_of(getpid());
    return its.mode != ours.mode || its.count > ours.count;
}

/* Each system call that src/target makes, once, with arguments that change nothing; a filter
 * looks at the number. SYS_clone: as the C library calls it for this very child. SYS_exit: as
 * SYS_exit_group, by which the child ends. */
static void try_all(void)
{
    static const long with_no_descriptor[] = {SYS_read,      SYS_write,     SYS_close, SYS_fstat,
                                              SYS_ftruncate, SYS_fallocate, SYS_flock, SYS_fchmod};
    char buf[256];
    struct utsname name;
    struct rlimit limit;
    sigset_t set;
    struct timespec none = {0, 0};
    struct itimerval no_timer = {0};
    struct stat st;
    for (size_t i = 0; i < sizeof with_no_descriptor / sizeof *with_no_descriptor; i++)
        syscall(with_no_descriptor[i], -1, NULL, 0, 0);
    syscall(SYS_getpid);
    syscall(SYS_getppid);
    syscall(SYS_geteuid);
    syscall(SYS_getcwd, buf, sizeof buf);
    syscall(SYS_uname, &name);
    syscall(SYS_prlimit64, 0, RLIMIT_AS, NULL, &limit);
    syscall(SYS_readlink, "/proc/self/exe", buf, sizeof buf);
    syscall(SYS_stat, "/", &st);
    syscall(SYS_lstat, "/", &st);
    syscall(SYS_mkdir, "", 0700);
    syscall(SYS_unlink, "");
    syscall(SYS_unlinkat, AT_FDCWD, "", 0);
    syscall(SYS_rename, "", "");
    syscall(SYS_renameat2, AT_FDCWD, "", AT_FDCWD, "", 0);
    syscall(SYS_symlink, "", "");
    syscall(SYS_openat, AT_FDCWD, "", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    void *page = (void *)syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    syscall(SYS_madvise, page, 4096, MADV_DONTDUMP);
    syscall(SYS_mremap, page, 4096, 4096, 0);
    syscall(SYS_mprotect, page, 4096, PROT_READ);
    syscall(SYS_munmap, page, 4096);
    syscall(SYS_kill, 0, 0);
    syscall(SYS_sched_yield);
    syscall(SYS_close_range, ~0u, ~0u, 0);
    syscall(SYS_nanosleep, &none, NULL);
    sigemptyset(&set);
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 8);
    syscall(SYS_rt_sigpending, &set, 8);
    sigemptyset(&set);
    syscall(SYS_rt_sigtimedwait, &set, NULL, &none, 8);
    syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 8);
    syscall(SYS_setitimer, ITIMER_REAL, &no_timer, NULL);
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &none);
    syscall(SYS_prctl, PR_GET_NAME, buf);
}

void ht_filters_try(char *number, size_t size)
{
    unsigned n = filters_of(getpid()).count;
    int status = -1;
    *number = 0;
    if (!n)
        return;
    pid_t pid = fork();
    if (pid == 0) {
        try_all();
        _exit(0);
    }
    if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status))
        snprintf(number, size, "%u", n);
}

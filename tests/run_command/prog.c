// SPDX-License-Identifier: MIT
// What the tests of `heaptap run` run: prog WHAT [ARG]...; each part allocates from keep_blocks.
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heaptap/heaptap.h"

#define BLOCK 100000
static void *blocks[4000];
static int n_blocks;

__attribute__((noinline)) static void keep_blocks(int n)
{
    while (n-- > 0)
        blocks[n_blocks++] = malloc(BLOCK);
}

__attribute__((noinline)) static void free_blocks(int n)
{
    while (n-- > 0)
        free(blocks[--n_blocks]);
}

// A stack for each number, by its bits.
__attribute__((noinline)) static void *bit_clear(int n);
__attribute__((noinline)) static void *bit_set(int n)
{
    void *volatile p = n < 2 ? malloc(100) : n & 1 ? bit_set(n >> 1) : bit_clear(n >> 1);
    return p;
}

static void *bit_clear(int n)
{
    void *volatile p = n < 2 ? malloc(100) : n & 1 ? bit_set(n >> 1) : bit_clear(n >> 1);
    return p;
}

static void on_term(int number)
{
    (void)number;
    _exit(77);
}

static void on_quit(int number)
{
    (void)number;
    _exit(0);
}

static void on_int(int number)
{
    (void)number;
    if (write(1, "int\n", 4) < 0)
        _exit(1);
}

static int children(int n, int flags)
{
    int bad = 0, status;
    for (int i = 0; i < n; i++)
        if (!fork()) {
            keep_blocks(i + 1);
            if (flags)
                _exit(0);
            exit(0);
        }
    while (wait(&status) > 0)
        bad |= status;
    return bad != 0;
}

// In namespaces of its own where it must, with an empty directory to go to.
static int may_change_root(const char *how)
{
    const int pivots = strstr(how, "pivot") != NULL;
    const int flags = (geteuid() ? CLONE_NEWUSER : 0) | (pivots ? CLONE_NEWNS : 0);
    if ((flags && unshare(flags)) || mkdir("jail", 0700))
        return 0;
    return !pivots || (!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
                       !mount("none", "jail", "tmpfs", 0, NULL));
}

extern int pivot_root(const char *, const char *);

static int leave_old_root(void)
{
    return umount2("/", MNT_DETACH);
}

static int confine(const char *how)
{
    const struct rlimit none = {0, 0};
    if (!strcmp(how, "chroot"))
        return chroot("jail") || chdir("/");
    if (!strcmp(how, "syscall chroot"))
        return syscall(SYS_chroot, "jail") || chdir("/");
    if (!strcmp(how, "pivot_root"))
        return chdir("jail") || pivot_root(".", ".") || leave_old_root();
    if (!strcmp(how, "syscall pivot_root"))
        return chdir("jail") || syscall(SYS_pivot_root, ".", ".") || leave_old_root();
    if (!strcmp(how, "setrlimit"))
        return setrlimit(RLIMIT_FSIZE, &none);
    if (!strcmp(how, "setrlimit64"))
        return setrlimit64(RLIMIT_NOFILE, (const struct rlimit64 *)&none);
    if (!strcmp(how, "prlimit"))
        return prlimit(0, RLIMIT_NOFILE, &none, NULL);
    if (!strcmp(how, "prlimit64"))
        return prlimit64(getpid(), RLIMIT_FSIZE, (const struct rlimit64 *)&none, NULL);
    if (!strcmp(how, "syscall setrlimit"))
        return (int)syscall(SYS_setrlimit, RLIMIT_FSIZE, &none);
    if (!strcmp(how, "syscall prlimit64"))
        return (int)syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &none, NULL);
    if (!strcmp(how, "landlock")) { // all rights to files are handled, and none is given
        const struct {
            unsigned long files;
        } rules = {0x1fff};
        const int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
        return fd < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
               syscall(SYS_landlock_restrict_self, fd, 0);
    }
    return 1;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    int n = argc > 2 ? atoi(argv[2]) : 0;
    if (!strcmp(what, "exit")) {
        keep_blocks(10);
        return n;
    }
    if (!strcmp(what, "elsewhere")) { // before its first sample
        if (chdir("/"))
            return 1;
        keep_blocks(10);
        return 0;
    }
    // In the process itself or in a forked child, before its first sample: below an empty root, under
    // a limit, confined to no files.
    if (!strcmp(what, "confined")) {
        const char *how = argc > 3 ? argv[3] : "";
        if (strstr(how, "root") && !may_change_root(how))
            return 77;
        pid_t child = n ? 0 : fork();
        if (child)
            return waitpid(child, &n, 0) == child ? WEXITSTATUS(n) : 1;
        if (confine(how))
            return 77;
        keep_blocks(10);
        return 0;
    }
    if (!strcmp(what, "umask")) { // files that it makes are nobody's to read
        umask(0777);
        keep_blocks(10);
        if (n)
            kill(getpid(), n);
        return 0;
    }
    if (!strcmp(what, "stacks")) {
        for (int i = 0; i < n; i++)
            bit_set(n | i);
        return 0;
    }
    if (!strcmp(what, "nothing"))
        return n;
    if (!strcmp(what, "kill")) {
        keep_blocks(10);
        kill(getpid(), n);
        pause();
    }
    if (!strcmp(what, "children")) {
        keep_blocks(20);
        return children(n, argc > 3);
    }
    if (!strcmp(what, "forks")) { // children that touch nothing
        for (int i = 0; i < n; i++)
            if (!fork())
                _exit(0);
        while (wait(NULL) > 0)
            ;
        return 0;
    }
    if (!strcmp(what, "exec")) {
        keep_blocks(30);
        execv(argv[2], argv + 2);
        return 99;
    }
    if (!strcmp(what, "wait")) {
        keep_blocks(5);
        signal(SIGTERM, on_term);
        signal(SIGINT, on_int);
        printf("ready %d\n", getpid());
        fflush(stdout);
        for (;;)
            pause();
    }
    if (!strcmp(what, "dumps")) {
        for (int i = 0; i < n; i++) {
            keep_blocks(1);
            raise(SIGUSR1);
        }
        return 0;
    }
    if (!strcmp(what, "phases")) { // 100 blocks up, 60 down: in all, at the peak, at the end
        for (int i = 0; i < 100; i++) {
            keep_blocks(1);
            usleep(n);
        }
        free_blocks(60);
        return 0;
    }
    if (!strcmp(what, "daemon")) {
        int ends[2];
        char c;
        keep_blocks(3);
        if (pipe(ends))
            return 1;
        if (!fork()) {
            setsid();
            if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
                return 1;
            keep_blocks(4);
            if (write(ends[1], "", 1) < 0)
                return 1;
            sleep((unsigned)n);
            return 0;
        }
        return read(ends[0], &c, 1) != 1;
    }
    if (!strcmp(what, "sleep")) {
        keep_blocks(3);
        sleep((unsigned)n);
        return 0;
    }
    if (!strcmp(what, "daemonless")) {
        keep_blocks(3);
        signal(SIGTERM, on_quit);
        if (write(1, "ready\n", 6) < 0)
            return 1;
        for (;;)
            pause();
    }
    if (!strcmp(what, "idle_daemon")) { // no sample of its own
        if (!fork()) {
            setsid();
            if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
                return 1;
            sleep((unsigned)n);
            return 0;
        }
        return 0;
    }
    if (!strcmp(what, "daemon_as")) {
        int ends[2];
        char c;
        if (pipe(ends))
            return 1;
        if (!fork()) {
            setsid();
            if (setgid((gid_t)n) || setuid((uid_t)n) || !freopen("/dev/null", "w", stdout) ||
                !freopen("/dev/null", "w", stderr))
                return 1;
            keep_blocks(4);
            signal(SIGTERM, on_quit);
            if (write(ends[1], "", 1) < 0)
                return 1;
            for (;;)
                pause();
        }
        return read(ends[0], &c, 1) != 1;
    }
    if (!strcmp(what, "vforks")) { // the first samples are a child's that has our memory
        int status;
        pid_t child = vfork();
        if (!child) {
            keep_blocks(30);
            _exit(0);
        }
        if (child < 0 || waitpid(child, &status, 0) != child || status)
            return 1;
        keep_blocks(n);
        return 0;
    }
    if (!strcmp(what, "started")) { // with --start=off
        keep_blocks(7);
        heaptap_call_start();
        keep_blocks(2);
        heaptap_call_stop();
        keep_blocks(7);
        return 0;
    }
    return 98;
}

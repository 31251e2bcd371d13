/* SPDX-License-Identifier: MIT
 * Preloaded into the bare run and into the profiled one: when a process exits, its name and the
 * number and kind of each of its open descriptors go as one line to the file $FOREIGN_DESCRIPTORS.
 * Raw system calls and the stack only, for _exit is also called in a vfork's child. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char record_path[256], name[64];
static volatile int sandboxed;

/* The next definition. Not only from the constructor: those of other libraries may run before ours.
 */
static void *next(void **kept, const char *symbol)
{
    if (!*kept)
        *kept = dlsym(RTLD_NEXT, symbol);
    return *kept;
}
static void *next_exit, *next_prctl, *next_syscall;

static long call(long number, long a, long b, long c, long d)
{
    long result;
    register long r10 __asm__("r10") = d;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                     : "rcx", "r11", "memory");
    return result;
}

static const char *kind_of(const struct stat *s)
{
    switch (s->st_mode & S_IFMT) {
    case S_IFREG:
        return "file";
    case S_IFDIR:
        return "dir";
    case S_IFCHR:
        return "chr";
    case S_IFBLK:
        return "blk";
    case S_IFIFO:
        return "pipe";
    case S_IFSOCK:
        return "socket";
    default:
        return "anon";
    }
}

static size_t number(char *to, unsigned n)
{
    char digits[12];
    size_t i = 0, written = 0;
    do
        digits[i++] = (char)('0' + n % 10);
    while (n /= 10);
    while (i)
        to[written++] = digits[--i];
    return written;
}

static void record(void)
{
    char line[4096];
    struct stat s;
    if (sandboxed || !*record_path)
        return;
    size_t n = strlen(name);
    memcpy(line, name, n);
    line[n++] = '\t';
    for (int fd = 0; fd < 1024 && n + 32 < sizeof line; fd++) {
        if (call(SYS_fstat, fd, (long)&s, 0, 0))
            continue;
        n += number(line + n, (unsigned)fd);
        line[n++] = ':';
        const char *kind = kind_of(&s);
        memcpy(line + n, kind, strlen(kind));
        n += strlen(kind);
        line[n++] = ' ';
    }
    line[n++] = '\n';
    long fd = call(SYS_openat, AT_FDCWD, (long)record_path, O_WRONLY | O_APPEND | O_CLOEXEC, 0);
    if (fd < 0)
        return;
    call(SYS_write, fd, (long)line, (long)n, 0);
    call(SYS_close, fd, 0, 0, 0);
}

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("FOREIGN_DESCRIPTORS");
    next(&next_exit, "_exit"); /* before a vfork's child needs it */
    snprintf(record_path, sizeof record_path, "%s", path ? path : "");
    char exe[512];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    exe[n > 0 ? n : 0] = 0;
    const char *base = strrchr(exe, '/');
    snprintf(name, sizeof name, "%s", base ? base + 1 : "?");
}

__attribute__((destructor)) static void end(void)
{
    record();
}

__attribute__((visibility("default"), noreturn)) void _exit(int status)
{
    record();
    ((void (*)(int))next(&next_exit, "_exit"))(status);
    for (;;)
        call(SYS_exit_group, status, 0, 0, 0);
}

__attribute__((visibility("default"), noreturn)) void _Exit(int status)
{
    _exit(status);
}

/* A sandboxed process is left alone: its filter may kill it for any call of ours. */
__attribute__((visibility("default"))) int prctl(int option, ...)
{
    unsigned long a[4];
    va_list all;
    va_start(all, option);
    for (int i = 0; i < 4; i++)
        a[i] = va_arg(all, unsigned long);
    va_end(all);
    if (option == PR_SET_SECCOMP)
        sandboxed = 1;
    return ((int (*)(int, ...))next(&next_prctl, "prctl"))(option, a[0], a[1], a[2], a[3]);
}

__attribute__((visibility("default"))) long syscall(long which, ...)
{
    long a[6];
    va_list all;
    va_start(all, which);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(all, long);
    va_end(all);
    if (which == SYS_seccomp)
        sandboxed = 1;
    return ((long (*)(long, ...))next(&next_syscall, "syscall"))(which, a[0], a[1], a[2], a[3],
                                                                 a[4], a[5]);
}

/* SPDX-License-Identifier: MIT */
/*
 * A program may be a link to a file of another name: redis-server is a link to redis-check-rdb, and
 * the kernel shows only the file. The name by which it was started is used when a file of that
 * name, in the folder that argv[0] names or beside the program's file, is the same file.
 */
#include "config.h"

#include "snapshot/program.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* argv[0]; "" when it cannot be read. */
static void first_word(pid_t pid, char *out, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, size - 1) : 0;
    out[n > 0 ? n : 0] = 0; /* the word ends at its own NUL */
    if (fd >= 0)
        close(fd);
}

static bool is_program(pid_t pid, const char *path)
{
    char exe[64], there[4200];
    struct stat a, b;
    snprintf(exe, sizeof exe, "/proc/%d/exe", (int)pid);
    snprintf(there, sizeof there, "/proc/%d/root%s", (int)pid, path);
    return !stat(exe, &a) && !stat(there, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

void ht_process_program(pid_t pid, const char *exe, char *out, size_t size)
{
    char word[2048], beside[4096];
    const char *slash = strrchr(exe, '/');
    first_word(pid, word, sizeof word);
    const char *last = strrchr(word, '/'), *base = last ? last + 1 : word;
    snprintf(out, size, "%s", exe);
    if (!slash || !*base || !strcmp(base, slash + 1))
        return;
    if (*word == '/' && is_program(pid, word)) {
        snprintf(out, size, "%s", word);
        return;
    }
    int n = snprintf(beside, sizeof beside, "%.*s/%s", (int)(slash - exe), exe, base);
    if (n > 0 && (size_t)n < sizeof beside && is_program(pid, beside))
        snprintf(out, size, "%s", beside);
}

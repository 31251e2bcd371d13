/* SPDX-License-Identifier: MIT */
/*
 * A program may be a link to a file of another name: redis-server is a link to redis-check-rdb, and
 * the kernel shows only the file. The name by which it was started is used when a file of that
 * name, in the folder that argv[0] names or beside the program's file, is the same file.
 */
#include "config.h"

#include "snapshot/program.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "snapshot/title.h"
#include "util/utf8.h"

static bool is_program(pid_t pid, const char *path)
{
    char exe[64], there[4200];
    struct stat a, b;
    snprintf(exe, sizeof exe, "/proc/%d/exe", (int)pid);
    snprintf(there, sizeof there, "/proc/%d/root%s", (int)pid, path);
    return !stat(exe, &a) && !stat(there, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Whether the process was started by `word`: out gets the path. */
static bool is_called(pid_t pid, const char *exe, const char *word, char *out, size_t size)
{
    char beside[4096];
    const char *last = strrchr(word, '/'), *base = last ? last + 1 : word;
    const int directory = (int)(strrchr(exe, '/') - exe);
    if (!*base)
        return false;
    int n = snprintf(beside, sizeof beside, "%.*s/%s", directory, exe, base);
    if (*word == '/' && is_program(pid, word))
        snprintf(out, size, "%s", word);
    else if (n > 0 && (size_t)n < sizeof beside && is_program(pid, beside))
        snprintf(out, size, "%s", beside);
    else
        return false;
    return true;
}

/*
 * A program that sets its title leaves "redis-server *:6379" or "nginx: master process" as one
 * word; its first part is the name, as a rule. The name that the kernel shows in ps is the last
 * part of the path that was executed, until the program changes that, too.
 */
void ht_process_program(pid_t pid, const char *exe, char *out, size_t size)
{
    char word[2048];
    const char *slash = strrchr(exe, '/');
    snprintf(out, size, "%s", exe);
    if (!slash)
        return;
    ht_process_text(pid, "cmdline", word, sizeof word); /* the first word ends at its own NUL */
    if (is_called(pid, exe, word, out, size))
        return;
    size_t n = strcspn(word, " ");
    word[n - (n && word[n - 1] == ':')] = '\0';
    if (is_called(pid, exe, word, out, size))
        return;
    ht_process_text(pid, "comm", word, sizeof word);
    word[strcspn(word, "\n")] = '\0';
    is_called(pid, exe, word, out, size);
}

void ht_process_name(pid_t pid, char *out, size_t size)
{
    char link[64], exe[4096], path[4096];
    snprintf(link, sizeof link, "/proc/%d/exe", (int)pid);
    ssize_t n = readlink(link, exe, sizeof exe - 1);
    exe[n > 0 ? n : 0] = '\0';
    char *deleted = strstr(exe, " (deleted)");
    if (deleted && !deleted[strlen(" (deleted)")])
        *deleted = '\0';
    ht_process_program(pid, exe, path, sizeof path);
    const char *slash = strrchr(path, '/');
    if (slash && slash[1])
        snprintf(out, size, "%s", slash + 1);
    else
        ht_process_text(pid, "comm", out, size);
    out[strcspn(out, "\n")] = '\0';
    ht_plain_text(out, false);
}

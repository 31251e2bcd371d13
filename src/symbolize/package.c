/* SPDX-License-Identifier: MIT */
/* Looks through /var/lib/dpkg/info/PACKAGE.list, a path a line. The database of rpm has many forms,
 * so the command of that name reads it. */
#include "config.h"

#include "symbolize/package.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LISTS    "/var/lib/dpkg/info"
#define LIST_MAX (16 << 20)
#define RPM_MS   5000

extern char **environ;

static bool has_line(const char *text, const char *line)
{
    size_t n = strlen(line);
    for (const char *at = text; (at = strstr(at, line)); at += n)
        if ((at == text || at[-1] == '\n') && (at[n] == '\n' || !at[n]))
            return true;
    return false;
}

/* The list of one package as a string to free; NULL when it cannot be read. */
static char *read_list(int directory, const char *name)
{
    struct stat st;
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    char *text = NULL;
    if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size < LIST_MAX &&
        (text = malloc((size_t)st.st_size + 1))) {
        ssize_t n = read(fd, text, (size_t)st.st_size);
        text[n > 0 ? n : 0] = '\0';
    }
    if (fd >= 0)
        close(fd);
    return text;
}

static bool dpkg_has(const char *path, char *out, size_t size)
{
    /* Where /lib is a link into /usr, a list may have the path either way. */
    char other[4096];
    bool in_usr = !strncmp(path, "/usr/", 5), found = false;
    snprintf(other, sizeof other, "%s%s", in_usr ? "" : "/usr", path + (in_usr ? 4 : 0));
    DIR *d = *path == '/' ? opendir(LISTS) : NULL;
    for (struct dirent *e; d && !found && (e = readdir(d));) {
        size_t n = strlen(e->d_name);
        if (n <= 5 || strcmp(e->d_name + n - 5, ".list") != 0)
            continue;
        char *text = read_list(dirfd(d), e->d_name);
        found = text && (has_line(text, path) || has_line(text, other));
        if (found)
            snprintf(out, size, "%.*s",
                     (int)strcspn(e->d_name, ":") < (int)n - 5 ? (int)strcspn(e->d_name, ":")
                                                               : (int)n - 5,
                     e->d_name);
        free(text);
    }
    if (d)
        closedir(d);
    return found;
}

static int start_rpm(const char *path, int out, int error, pid_t *pid)
{
    char rpm[] = "rpm", query[] = "-qf", format[] = "--queryformat", name[] = "%{NAME}\\n",
         end[] = "--";
    char *argv[] = {rpm, query, format, name, end, (char *)path, NULL};
    posix_spawn_file_actions_t fa;
    int err = posix_spawn_file_actions_init(&fa);
    if (err)
        return err;
    posix_spawn_file_actions_adddup2(&fa, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&fa, error, STDERR_FILENO);
    posix_spawn_file_actions_adddup2(&fa, error, STDIN_FILENO);
    err = posix_spawnp(pid, rpm, &fa, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&fa);
    return err;
}

static long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* All that is written within the time, and does not fill the room. False: there is more, or no
 * end. */
static bool read_answer(int from, char *text, size_t size)
{
    const long end = now_ms() + RPM_MS;
    size_t n = 0;
    for (long left; (left = end - now_ms()) > 0;) {
        struct pollfd p = {.fd = from, .events = POLLIN};
        if (poll(&p, 1, (int)left) <= 0)
            continue;
        ssize_t got = read(from, text + n, size - 1 - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            text[n] = '\0';
            return !got && n;
        }
        if ((n += (size_t)got) == size - 1)
            return false;
    }
    return false;
}

/* Another process may have its database locked for long: then it is not waited for. */
static bool rpm_has(const char *path, char *out, size_t size)
{
    char text[1024];
    int status = -1, ends[2], null = open("/dev/null", O_RDWR | O_CLOEXEC);
    pid_t pid;
    if (null < 0 || pipe2(ends, O_CLOEXEC)) {
        if (null >= 0)
            close(null);
        return false;
    }
    const bool started = !start_rpm(path, ends[1], null, &pid);
    close(ends[1]);
    close(null);
    bool found = started && read_answer(ends[0], text, sizeof text);
    close(ends[0]);
    if (!started)
        return false;
    if (!found)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    const size_t n = found ? strcspn(text, "\n") : 0; /* several may hold it: the first */
    found = found && WIFEXITED(status) && !WEXITSTATUS(status) && n && !memchr(text, ' ', n);
    if (found)
        snprintf(out, size, "%.*s", (int)n, text);
    return found;
}

static bool in_path(const char *name)
{
    const char *path = getenv("PATH");
    for (const char *at = path; at && *at;) {
        char file[4096];
        const size_t n = strcspn(at, ":");
        if (snprintf(file, sizeof file, "%.*s/%s", (int)n, at, name) < (int)sizeof file &&
            !access(file, X_OK))
            return true;
        at += n + (at[n] == ':');
    }
    return false;
}

static void look(const char *path, char *out, size_t size)
{
    char package[128];
    *out = '\0';
    if (dpkg_has(path, package, sizeof package))
        snprintf(out, size,
                 "apt install %s-dbgsym (Debian's debug archive), or set DEBUGINFOD_URLS "
                 "(https://debuginfod.debian.net)",
                 package);
    else if (*path == '/' && rpm_has(path, package, sizeof package))
        snprintf(out, size, "%s %s%s, or set DEBUGINFOD_URLS (https://debuginfod.elfutils.org)",
                 in_path("zypper") ? "zypper install" : "dnf debuginfo-install", package,
                 in_path("zypper") ? "-debuginfo" : "");
}

bool ht_package_advice(const char *path, char *out, size_t size)
{
    static char last_path[4096], last[320]; /* `watch` asks every few seconds */
    if (!*path || strcmp(path, last_path) != 0) {
        look(path, last, sizeof last);
        snprintf(last_path, sizeof last_path, "%s", path);
    }
    snprintf(out, size, "%s", last);
    return *last;
}

/* SPDX-License-Identifier: MIT */
/* Reads, checks and replaces the file. Editors take turns by a lock on its directory. */
#include "config.h"

#include "serve/view_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "profile/profile.h"
#include "util/open.h"

#define LETTERS      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()%"
#define STATE        LETTERS "=&+"
#define LONGEST_LINE (HT_VIEW_NAME_MAX + 1 + HT_VIEW_STATE_MAX + 1)
#define LONGEST_FILE ((size_t)HT_VIEWS_MAX * LONGEST_LINE)

/* Another editor is waited for: tries, and the time between two. */
enum { TRIES = 1000, WAIT_NS = 10 * 1000 * 1000 };

/* The length of a line without its end; 0: it is none. *name: of its name. */
static size_t line_length(const char *line, bool may_remove, size_t *name)
{
    *name = strspn(line, LETTERS);
    if (!*name || *name > HT_VIEW_NAME_MAX)
        return 0;
    if (line[*name] != ' ')
        return may_remove ? *name : 0;
    size_t state = strspn(line + *name + 1, STATE);
    return state > HT_VIEW_STATE_MAX ? 0 : *name + 1 + state;
}

static bool all_lines(const char *text)
{
    size_t n = 0, name;
    for (; *text; n++) {
        size_t length = line_length(text, false, &name);
        if (!length || text[length] != '\n' || n == HT_VIEWS_MAX)
            return false;
        text += length + 1;
    }
    return true;
}

static int read_all(int fd, char *text)
{
    size_t got = 0;
    for (;;) {
        ssize_t n = read(fd, text + got, LONGEST_FILE + 1 - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        got += (size_t)n;
        text[got] = '\0';
        if (got > LONGEST_FILE)
            return -EINVAL;
        if (!n)
            return strlen(text) == got && all_lines(text) ? 0 : -EINVAL;
    }
}

int ht_views_read(const char *path, char **lines)
{
    *lines = malloc(LONGEST_FILE + 2);
    if (!*lines)
        return -ENOMEM;
    **lines = '\0';
    int fd = ht_open_regular(path), err = fd < 0 ? fd : read_all(fd, *lines);
    if (fd >= 0)
        close(fd);
    if (err == -ENOENT)
        err = 0;
    if (err) {
        free(*lines);
        *lines = NULL;
    }
    return err;
}

/* The old lines without the one of that name, and the new one behind them. */
static int edited(const char *old, const char *line, size_t name, char **lines)
{
    char *text = NULL;
    size_t size, n = 0, length, other;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return -ENOMEM;
    for (; *old; old += length + 1) {
        length = line_length(old, false, &other);
        if (other == name && !memcmp(old, line, name))
            continue;
        fprintf(out, "%.*s\n", (int)length, old);
        n++;
    }
    bool adds = line[name] == ' ';
    if (adds)
        fprintf(out, "%s\n", line);
    if (fclose(out) || (adds && n == HT_VIEWS_MAX)) {
        free(text);
        return adds && n == HT_VIEWS_MAX ? -EDQUOT : -ENOMEM;
    }
    *lines = text;
    return 0;
}

/* The directory that a path is in, made where it is missing, and its parent: opened, or -errno. */
static int open_directory(const char *path)
{
    char *dir = strdup(path);
    if (!dir)
        return -ENOMEM;
    char *slash = strrchr(dir, '/'), *upper;
    *slash = '\0';
    if ((upper = strrchr(dir, '/')) && upper != dir) {
        *upper = '\0';
        mkdir(dir, 0700);
        *upper = '/';
    }
    mkdir(dir, 0700);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        fd = -errno;
    free(dir);
    return fd;
}

static int lock(int fd)
{
    for (int i = 0; flock(fd, LOCK_EX | LOCK_NB); i++) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return -errno;
        if (i == TRIES)
            return -EBUSY;
        nanosleep(&(struct timespec){.tv_nsec = WAIT_NS}, NULL);
    }
    return 0;
}

int ht_views_edit(const char *path, const char *line, char **lines)
{
    size_t name, length = line_length(line, true, &name);
    if (!length || line[length])
        return -EBADMSG;
    int fd = open_directory(path);
    if (fd < 0)
        return fd;
    char *old = NULL;
    *lines = NULL;
    int err = lock(fd);
    if (!err)
        err = ht_views_read(path, &old);
    if (!err)
        err = edited(old, line, name, lines);
    if (!err)
        err = ht_file_replace(path, *lines, strlen(*lines));
    free(old);
    close(fd);
    if (err) {
        free(*lines);
        *lines = NULL;
    }
    return err;
}

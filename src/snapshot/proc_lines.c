/* SPDX-License-Identifier: MIT */
/* A line that does not fit into the room is cut there, and goes on as the next one. */
#include "config.h"

#include "snapshot/proc_lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int ht_proc_lines_open(struct ht_proc_lines *l, pid_t pid, const char *file)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    l->fd = open(path, O_RDONLY | O_CLOEXEC);
    l->err = l->fd < 0 ? -errno : 0;
    l->at = l->n = 0;
    return l->err;
}

/* False: there is no more. */
static bool fill(struct ht_proc_lines *l)
{
    memmove(l->text, l->text + l->at, l->n - l->at);
    l->n -= l->at;
    l->at = 0;
    ssize_t r;
    do
        r = l->n < HT_PROC_LINES_ROOM ? read(l->fd, l->text + l->n, HT_PROC_LINES_ROOM - l->n) : 0;
    while (r < 0 && errno == EINTR);
    if (r < 0)
        l->err = -errno;
    if (r > 0)
        l->n += (size_t)r;
    return r > 0;
}

char *ht_proc_lines_next(struct ht_proc_lines *l)
{
    for (;;) {
        char *line = l->text + l->at, *end = memchr(line, '\n', l->n - l->at);
        if (!end && fill(l))
            continue;
        line = l->text + l->at;
        if (l->err || l->at == l->n)
            return NULL;
        if (!end)
            end = l->text + l->n; /* the last one, or one without an end that fills the room */
        l->at = (size_t)(end - l->text) + (end < l->text + l->n);
        *end = '\0';
        return line;
    }
}

void ht_proc_lines_close(struct ht_proc_lines *l)
{
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}

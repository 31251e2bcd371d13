/* SPDX-License-Identifier: MIT */
/* Reads cmdline and cgroup of /proc/PID. */
#include "config.h"

#include "snapshot/title.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/utf8.h"

size_t ht_process_text(pid_t pid, const char *file, char *out, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, size - 1) : 0;
    if (fd >= 0)
        close(fd);
    out[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

void ht_process_title(pid_t pid, char *out, size_t size)
{
    size_t n = ht_process_text(pid, "cmdline", out, size);
    for (size_t i = 0; i < n; i++)
        if (!out[i])
            out[i] = ' ';
    while (n && out[n - 1] == ' ')
        n--;
    out[n] = '\0';
    ht_plain_text(out, false);
}

static bool ends_in(const char *part, size_t n, const char *end)
{
    size_t k = strlen(end);
    return n > k && !memcmp(part + n - k, end, k);
}

/* The digits of a container's id in "docker-ID.scope", "cri-containerd-ID.scope", "ID"; NULL:
 * there are none. */
static const char *container_id(const char *part, size_t n)
{
    if (ends_in(part, n, ".scope"))
        n -= strlen(".scope");
    if (n < 64 || (n > 64 && part[n - 65] != '-'))
        return NULL;
    part += n - 64;
    return strspn(part, "0123456789abcdef") >= 64 ? part : NULL;
}

void ht_process_unit(pid_t pid, char *out, size_t size)
{
    char text[4096];
    bool container = false;
    *out = '\0';
    ht_process_text(pid, "cgroup", text, sizeof text);
    for (const char *part = text; *part; part += *part != '\0') {
        size_t n = strcspn(part, "/\n");
        const char *id = container_id(part, n);
        if (id)
            snprintf(out, size, "%.12s", id);
        else if (!container && (ends_in(part, n, ".service") || ends_in(part, n, ".scope")))
            snprintf(out, size, "%.*s", (int)n, part);
        container |= id != NULL;
        part += n;
    }
    ht_plain_text(out, false);
}

/* SPDX-License-Identifier: MIT */
/* Looks through /var/lib/dpkg/info/PACKAGE.list, a path a line. */
#include "config.h"

#include "symbolize/package.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LISTS    "/var/lib/dpkg/info"
#define LIST_MAX (16 << 20)

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

bool ht_package_of(const char *path, char *out, size_t size)
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

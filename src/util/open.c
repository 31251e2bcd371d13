/* SPDX-License-Identifier: MIT */
/*
 * Looks at the file through O_PATH first, which neither waits nor has effects, and opens it anew
 * through /proc once it is known to be a regular file.
 */
#include "config.h"

#include "util/open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int ht_open_regular(const char *path)
{
    char again[32];
    struct stat st;
    int fd = -1, found = open(path, O_PATH | O_CLOEXEC);
    if (found < 0)
        return -errno;
    int err = fstat(found, &st) ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
    if (!err) {
        snprintf(again, sizeof again, "/proc/self/fd/%d", found);
        fd = open(again, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 && errno == ENOENT) /* no /proc */
            fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        err = fd < 0 ? -errno : 0;
    }
    close(found);
    return err ? err : fd;
}

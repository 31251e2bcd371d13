/* SPDX-License-Identifier: MIT */
/* Reads a profile from a file or standard input, and writes one to a file that appears whole. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "profile/store.h"

#define STREAM_LIMIT ((size_t)3 << 30)

static int read_stream(int fd, void **data, size_t *size)
{
    size_t cap = 0, n = 0;
    char *buf = NULL;
    for (;;) {
        if (n == cap) {
            cap = cap ? cap * 2 : 65536;
            char *more = cap > STREAM_LIMIT ? NULL : realloc(buf, cap);
            if (!more) {
                free(buf);
                return cap > STREAM_LIMIT ? -EFBIG : -ENOMEM;
            }
            buf = more;
        }
        ssize_t r = read(fd, buf + n, cap - n);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0) {
            int err = -errno;
            free(buf);
            return err;
        }
        if (!r)
            break;
        n += (size_t)r;
    }
    *data = buf;
    *size = n;
    return 0;
}

struct ht_profile *ht_profile_read_file(const char *path, int *err, char *msg, size_t msg_size)
{
    bool standard = !strcmp(path, "-");
    const char *name = standard ? "standard input" : path;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    void *data = NULL;
    size_t size = 0;
    bool other = true;
    char why[256] = "";
    struct ht_profile *p = NULL;
    *err = fd < 0 ? -errno : 0;
    if (!*err && !standard)
        p = ht_profile_decode_file(fd, &other, err, why, sizeof(why));
    if (!*err && other)
        *err = read_stream(fd, &data, &size);
    if (fd >= 0 && !standard)
        close(fd);
    if (!other) {
        if (!p)
            snprintf(msg, msg_size, "%s is not a profile heaptap can read: %s", name, why);
        return p;
    }
    if (*err) {
        snprintf(msg, msg_size, "cannot read %s: %s", name, strerror(-*err));
        return NULL;
    }
    p = ht_profile_decode(data, size, err, why, sizeof(why));
    free(data);
    if (!p)
        snprintf(msg, msg_size, "%s is not a profile heaptap can read: %s", name, why);
    return p;
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t n = write(fd, data, size > (1u << 30) ? 1u << 30 : size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

static bool is_special(const char *path)
{
    return !strncmp(path, "/dev/", 5) || !strncmp(path, "/proc/", 6);
}

/*
 * True when another user put it there: in a directory where everybody may write (/tmp), and owned
 * by neither this user nor the directory's owner. This is the rule of fs.protected_symlinks and
 * fs.protected_fifos, which are not set everywhere and do not cover a link that is read and then
 * replaced.
 */
static bool planted(const char *path, const struct stat *it)
{
    const char *slash = strrchr(path, '/');
    char *directory = slash ? strndup(path, (size_t)(slash - path) + 1) : NULL;
    struct stat st;
    bool known = (directory || !slash) && !stat(directory ? directory : ".", &st);
    free(directory);
    return it->st_uid != geteuid() &&
           (!known ||
            ((st.st_mode & (S_ISVTX | S_IWOTH)) == (S_ISVTX | S_IWOTH) && it->st_uid != st.st_uid));
}

int ht_file_target(const char *path, char **target)
{
    struct stat st;
    *target = NULL;
    if (is_special(path))
        return 0;
    if (!lstat(path, &st) && !S_ISREG(st.st_mode)) {
        if (planted(path, &st))
            return -EACCES;
        if (!S_ISLNK(st.st_mode))
            return 0;
        *target = realpath(path, NULL);
        if (*target && (is_special(*target) || stat(*target, &st) || !S_ISREG(st.st_mode))) {
            free(*target);
            *target = NULL;
        }
        return 0;
    }
    *target = strdup(path);
    return *target ? 0 : -ENOMEM;
}

static int write_in_place(const char *path, const void *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return -errno;
    int err = write_all(fd, data, size);
    if (close(fd) && !err)
        err = -errno;
    return err;
}

int ht_file_replace(const char *path, const void *data, size_t size)
{
    char *tmp, *target;
    if (!strcmp(path, "-"))
        return write_all(STDOUT_FILENO, data, size);
    int err = ht_file_target(path, &target);
    if (err || !target)
        return err ? err : write_in_place(path, data, size);
    if (asprintf(&tmp, "%s.XXXXXX", target) < 0) {
        free(target);
        return -ENOMEM;
    }
    int fd = mkostemp(tmp, O_CLOEXEC);
    if (fd < 0) {
        err = -errno;
    } else {
        mode_t mask = umask(0);
        umask(mask);
        err = write_all(fd, data, size);
        if (!err && fchmod(fd, 0666 & ~mask))
            err = -errno;
        if (close(fd) && !err)
            err = -errno;
        if (!err && rename(tmp, target))
            err = -errno;
        if (err)
            unlink(tmp);
    }
    free(tmp);
    free(target);
    return err;
}

int ht_profile_write_file(const struct ht_profile *p, const char *path)
{
    void *data;
    size_t size;
    int err = ht_profile_encode(p, true, &data, &size);
    if (err)
        return err;
    err = ht_file_replace(path, data, size);
    free(data);
    return err;
}

/* SPDX-License-Identifier: MIT */
/*
 * Walks the directories that hold regions: only those that their user owns and nobody else may
 * write to, and only files named as the library names them, opened without following links.
 */
#include "config.h"

#include "snapshot/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/openat2.h"

static bool number(const char **s, uint64_t *out)
{
    const char *p = *s;
    uint64_t v = 0;
    for (; *p >= '0' && *p <= '9' && p - *s < 19; p++)
        v = v * 10 + (uint64_t)(*p - '0');
    bool ok = p != *s;
    *s = p;
    *out = v;
    return ok;
}

bool ht_region_name_parse(const char *s, struct ht_region_name *out)
{
    uint64_t pid, ticks, n;
    if (!number(&s, &pid) || *s++ != '.' || !number(&s, &ticks) || *s++ != '.' || !number(&s, &n) ||
        *s || pid > 1u << 30)
        return false;
    *out = (struct ht_region_name){(pid_t)pid, ticks, n};
    return true;
}

/* The functions that a walk calls; either may be NULL. */
struct visitor {
    ht_region_file_fn file;
    ht_region_mark_fn mark;
    void *ctx;
};

static int visit_mark(const struct visitor *v, int dir, uid_t owner, const char *file,
                      const struct ht_region_name *name)
{
    char text[4096];
    struct stat st;
    ssize_t n = readlinkat(dir, file, text, sizeof text - 1);
    if (n < 0 || fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) || st.st_uid != owner)
        return 0;
    text[n] = 0;
    return v->mark(v->ctx, dir, file, text, &st, name);
}

static int visit_file(const struct visitor *v, int dir, const char *directory, uid_t owner,
                      const char *file, const struct ht_region_name *name)
{
    struct stat st;
    int result = 0, fd = openat(dir, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == EMFILE || errno == ENFILE ? -errno : 0;
    if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_uid == owner && !(st.st_mode & 077))
        result = v->file(v->ctx, dir, directory, file, fd, &st, name);
    close(fd);
    return result;
}

/* Walks one directory, which must be its user's with mode 0700. Takes the descriptor. */
static int walk(int dir, const char *directory, uid_t owner, const struct visitor *v)
{
    struct stat st;
    DIR *d = NULL;
    int result = 0;
    if (!fstat(dir, &st) && st.st_uid == owner && !(st.st_mode & 077))
        d = fdopendir(dir);
    if (!d) {
        close(dir);
        return 0;
    }
    struct dirent *e;
    while (!result && (e = readdir(d))) {
        struct ht_region_name name;
        if (!ht_region_name_parse(e->d_name, &name))
            continue;
        result = v->mark ? visit_mark(v, dir, owner, e->d_name, &name)
                         : visit_file(v, dir, directory, owner, e->d_name, &name);
    }
    closedir(d);
    return result;
}

int ht_open_below(int root, const char *path, int flags)
{
    struct open_how how = {.flags = (unsigned)flags | O_CLOEXEC | O_NOFOLLOW,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS};
    return ht_openat2(root, path, &how);
}

static int walk_root(int root, const char *shown, const struct visitor *v)
{
    int shm = ht_open_below(root, "dev/shm", O_RDONLY | O_DIRECTORY), result = 0;
    DIR *d = shm < 0 ? NULL : fdopendir(shm);
    if (!d) {
        int err = errno;
        if (shm >= 0)
            close(shm);
        return err == EMFILE || err == ENFILE ? -err : 0;
    }
    struct dirent *e;
    while (!result && (e = readdir(d))) {
        char *end, path[1200];
        if (strncmp(e->d_name, "heaptap-", 8) || e->d_name[8] < '0' || e->d_name[8] > '9')
            continue;
        struct stat st;
        strtoul(e->d_name + 8, &end, 10);
        /* In a user namespace users have other numbers: there 0 is the user who made the
         * namespace, and outside its directory is that user's. So the owner of the directory is
         * compared, not a number. */
        if (*end || fstatat(shm, e->d_name, &st, AT_SYMLINK_NOFOLLOW) ||
            (geteuid() && st.st_uid != geteuid()))
            continue;
        int dir = openat(shm, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (dir < 0) {
            result = errno == EMFILE || errno == ENFILE ? -errno : 0;
            continue;
        }
        uid_t owner = st.st_uid;
        snprintf(path, sizeof path, "%s/dev/shm/%s", shown, e->d_name);
        result = walk(dir, path, owner, v);
    }
    closedir(d);
    return result;
}

static int walk_all(const struct visitor *v)
{
    const char *own = getenv("HEAPTAP_REGION_DIR");
    if (own && *own == '/') {
        int dir = open(own, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (dir < 0)
            return errno == EMFILE || errno == ENFILE ? -errno : 0;
        return walk(dir, own, geteuid(), v);
    }
    int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return -errno;
    int result = walk_root(root, "", v);
    close(root);
    return result;
}

int ht_region_directory_walk_root(int root, const char *shown, ht_region_file_fn fn, void *ctx)
{
    const struct visitor v = {.file = fn, .ctx = ctx};
    return walk_root(root, shown, &v);
}

int ht_region_directory_walk(ht_region_file_fn fn, void *ctx)
{
    const struct visitor v = {.file = fn, .ctx = ctx};
    return walk_all(&v);
}

int ht_region_directory_walk_marks(ht_region_mark_fn fn, void *ctx)
{
    const struct visitor v = {.mark = fn, .ctx = ctx};
    return walk_all(&v);
}

struct search {
    const struct ht_region_name *want;
    uint64_t ticks, number;
    int fd;
    char *path;
    size_t size;
};

static int consider(void *ctx, int dir, const char *directory, const char *file, int fd,
                    const struct stat *st, const struct ht_region_name *name)
{
    struct search *s = ctx;
    if (name->pid != s->want->pid ||
        (s->want->start_ticks && !ht_same_start(name->start_ticks, s->want->start_ticks)))
        return 0;
    if (s->fd >= 0 && (name->start_ticks < s->ticks ||
                       (name->start_ticks == s->ticks && name->number <= s->number)))
        return 0;
    int mine = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (mine < 0)
        return -errno;
    if (s->fd >= 0)
        close(s->fd);
    s->fd = mine;
    s->ticks = name->start_ticks;
    s->number = name->number;
    snprintf(s->path, s->size, "%s/%s", directory, file);
    return 0;
}

int ht_region_directory_find(const struct ht_region_name *name, char *path, size_t size)
{
    struct search s = {.want = name, .fd = -1, .path = path, .size = size};
    int err = ht_region_directory_walk(consider, &s);
    if (err && s.fd >= 0)
        close(s.fd);
    if (err)
        return err;
    return s.fd >= 0 ? s.fd : -ENOENT;
}

/* SPDX-License-Identifier: MIT */
/*
 * Walks the directories that hold regions: only those that their user owns and nobody else may
 * write to, and only files named as the library names them, opened without following links.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "snapshot/directory.h"
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

/* One directory of a user's: 0700, his own. Takes the descriptor. */
static int walk(int dir, const char *directory, uid_t owner, ht_region_file_fn fn, void *ctx)
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
        int fd = openat(dir, e->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_uid == owner && !(st.st_mode & 077))
            result = fn(ctx, dir, directory, e->d_name, fd, &st, &name);
        close(fd);
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

int ht_region_directory_walk_root(int root, const char *shown, ht_region_file_fn fn, void *ctx)
{
    int shm = ht_open_below(root, "dev/shm", O_RDONLY | O_DIRECTORY), result = 0;
    DIR *d = shm < 0 ? NULL : fdopendir(shm);
    if (!d) {
        if (shm >= 0)
            close(shm);
        return 0;
    }
    struct dirent *e;
    while (!result && (e = readdir(d))) {
        char *end, path[1200];
        if (strncmp(e->d_name, "heaptap-", 8) || e->d_name[8] < '0' || e->d_name[8] > '9')
            continue;
        unsigned long uid = strtoul(e->d_name + 8, &end, 10);
        if (*end || (geteuid() && uid != geteuid()))
            continue;
        int dir = openat(shm, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (dir < 0)
            continue;
        struct stat st;
        /* A user namespace shows other numbers: there the directory itself says whose it is. */
        uid_t owner = *shown && !fstat(dir, &st) ? st.st_uid : (uid_t)uid;
        snprintf(path, sizeof path, "%s/dev/shm/%s", shown, e->d_name);
        result = walk(dir, path, owner, fn, ctx);
    }
    closedir(d);
    return result;
}

int ht_region_directory_walk(ht_region_file_fn fn, void *ctx)
{
    const char *own = getenv("HEAPTAP_REGION_DIR");
    if (own && *own == '/') {
        int dir = open(own, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return dir < 0 ? 0 : walk(dir, own, geteuid(), fn, ctx);
    }
    int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return 0;
    int result = ht_region_directory_walk_root(root, "", fn, ctx);
    close(root);
    return result;
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
        (s->want->start_ticks && name->start_ticks != s->want->start_ticks))
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
    return err ? err : s.fd >= 0 ? s.fd : -ENOENT;
}

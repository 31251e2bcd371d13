/* SPDX-License-Identifier: MIT */
/*
 * Regions of dead processes are kept for recovery as long as list.h says, and then removed. A
 * process is dead when the lock that its mapping holds is free.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "snapshot/list.h"

/*
 * A descriptor of a region that no process has mapped. The target holds a lock as long as its
 * mapping exists (target/process/create.c), so this is right also for a process in a pid namespace
 * that is not visible here.
 */
static int open_dead(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int err = fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ? -EPERM : 0;
    if (!err && flock(fd, LOCK_EX | LOCK_NB))
        err = -EBUSY;
    if (err) {
        close(fd);
        return err;
    }
    return fd;
}

/* Root may remove another user's region: through the directory that it is in, which is that
 * user's and not a link, so that no name of that user leads elsewhere. */
static int remove_anothers(const char *path)
{
    char directory[1400];
    struct stat st, mine;
    const char *base = strrchr(path, '/');
    if (!base || (size_t)(base - path) >= sizeof directory)
        return -EINVAL;
    snprintf(directory, sizeof directory, "%.*s", (int)(base - path), path);
    int dir = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return -errno;
    int fd = openat(dir, base + 1, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int err = fd < 0 ? -errno : 0;
    if (!err && (fstat(dir, &st) || fstat(fd, &mine) || !S_ISREG(mine.st_mode) ||
                 st.st_uid != mine.st_uid || (st.st_mode & 077)))
        err = -EPERM;
    if (!err && flock(fd, LOCK_EX | LOCK_NB))
        err = -EBUSY;
    if (!err && unlinkat(dir, base + 1, 0))
        err = -errno;
    if (fd >= 0)
        close(fd);
    close(dir);
    return err;
}

int ht_list_remove(const char *path)
{
    int fd = open_dead(path);
    if (fd == -EPERM && !geteuid())
        return remove_anothers(path);
    if (fd < 0)
        return fd;
    int err = unlink(path) ? -errno : 0;
    close(fd);
    return err;
}

/* The time of a process's death is not known, but the time when a command first found it dead
 * is. */
static void mark(struct ht_listed *e, int64_t now)
{
    int fd = open_dead(e->path);
    if (fd < 0)
        return;
    if (!futimens(fd, NULL) && !fchmod(fd, 0400))
        e->met_dead = now;
    close(fd);
}

static bool has_had_its_time(const struct ht_listed *e, int64_t now)
{
    int64_t age = now - e->met_dead;
    if (!e->samples && !*e->damage)
        return true;
    if (e->dumped)
        return !e->run_id || age > 24 * 3600;
    return age > HT_KEEP_DAYS * 24 * 3600;
}

static bool take_away(struct ht_listed *e)
{
    if (ht_list_remove(e->path))
        return false;
    e->path[0] = 0;
    return true;
}

size_t ht_list_clean(struct ht_listed *list, size_t n)
{
    int64_t now = time(NULL);
    uint64_t total = 0;
    size_t gone = 0;
    for (size_t i = 0; i < n; i++) {
        struct ht_listed *e = &list[i];
        if (!e->removable)
            continue;
        if (!e->met_dead)
            mark(e, now);
        if (e->met_dead && has_had_its_time(e, now) && take_away(e))
            gone++;
        else
            total += e->file_bytes;
    }
    while (total > HT_KEEP_BYTES) {
        struct ht_listed *oldest = NULL;
        for (size_t i = 0; i < n; i++) {
            struct ht_listed *e = &list[i];
            if (e->removable && e->path[0] && e->met_dead &&
                now - e->met_dead > HT_KEEP_HOURS * 3600 &&
                (!oldest || e->met_dead < oldest->met_dead))
                oldest = e;
        }
        if (!oldest)
            break;
        total -= oldest->file_bytes;
        oldest->removable = false;
        gone += take_away(oldest);
    }
    return gone;
}

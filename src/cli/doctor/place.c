/* SPDX-License-Identifier: MIT */
/* Checks of the places that are written to: the directory of regions, and where profiles go. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "cli/doctor/doctor.h"
#include "cli/process/figures.h"
#include "region/pattern.h"

#define LITTLE_ROOM (4u << 20) /* a region of an ordinary program */

static const char private_why[] =
    "so regions are in the programs' own memory and go with them when they are killed";

/* The directory of regions, and the one in which it is made ("": it must exist). */
static void region_directory(const struct ht_doctor *d, char *dir, char *parent)
{
    const char *own = ht_subject_variable(d, "HEAPTAP_REGION_DIR");
    *parent = 0;
    if (*own == '/' && !d->secure) {
        snprintf(dir, PATH_MAX, "%s", own);
    } else {
        snprintf(dir, PATH_MAX, "/dev/shm/heaptap-%u", d->status.uid);
        strcpy(parent, "/dev/shm");
    }
}

/* False when it was found that no region can have a file there. */
static bool check_directory(struct ht_doctor *d, int fd, const char *dir)
{
    struct stat st;
    struct ht_finding *f;
    if (fstat(fd, &st))
        return true;
    if (S_ISDIR(st.st_mode) && st.st_uid == d->status.uid && !(st.st_mode & 077))
        return true;
    if (!S_ISDIR(st.st_mode))
        f = ht_found(&d->findings, HT_LEVEL_NOTE, "%s is no directory", dir);
    else
        f = ht_found(&d->findings, HT_LEVEL_NOTE,
                     "%s is user %u's with mode %04o, not user %u's with 0700", dir, st.st_uid,
                     st.st_mode & 07777u, d->status.uid);
    ht_why(f, "%s", private_why);
    ht_remedy(f, "remove it, or make it that user's with mode 0700");
    return false;
}

/* fd: any file of the file system. */
static void check_room(struct ht_doctor *d, int fd, const char *dir)
{
    struct statfs kind;
    struct statvfs v;
    struct ht_finding *f;
    char room[24], all[24];
    if (fstatfs(fd, &kind) || fstatvfs(fd, &v))
        return;
    uint64_t free_bytes = (uint64_t)v.f_bavail * v.f_frsize,
             size = (uint64_t)v.f_blocks * v.f_frsize;
    ht_figure_bytes((double)free_bytes, room, sizeof room);
    ht_figure_bytes((double)size, all, sizeof all);
    struct stat st;
    unsigned mode = fstat(fd, &st) ? 0 : st.st_mode & 07777u;
    if (size && free_bytes < LITTLE_ROOM) {
        f = ht_found(&d->findings, HT_LEVEL_NOTE, "%s has %s free of %s", dir, room, all);
        ht_why(f, "and what does not fit goes into the programs' own memory, which goes with them "
                  "when they "
                  "are killed");
        ht_remedy(f,
                  "make room, or mount it larger (mount -o remount,size=64M %s; docker run "
                  "--shm-size=64m)",
                  dir);
    } else if (kind.f_type != TMPFS_MAGIC && kind.f_type != RAMFS_MAGIC) {
        f = ht_found(&d->findings, HT_LEVEL_NOTE, "%s is no tmpfs", dir);
        ht_why(f, "so the pages of regions are written to a disk");
        ht_remedy(f, "mount -t tmpfs -o mode=1777 tmpfs %s", dir);
    } else {
        ht_found(&d->findings, HT_LEVEL_OK, "%s: tmpfs, mode %04o, %s free of %s", dir, mode, room,
                 size ? all : "no limit");
    }
}

void ht_check_shared_memory(struct ht_doctor *d)
{
    char dir[PATH_MAX], parent[PATH_MAX];
    struct ht_finding *f;
    if (d->pid && (d->root < 0 || d->secure))
        return;
    region_directory(d, dir, parent);
    int fd = ht_subject_look(d, dir, O_NOFOLLOW);
    if (fd >= 0) {
        if (check_directory(d, fd, dir)) {
            int at = *parent ? ht_subject_look(d, parent, O_DIRECTORY) : -1;
            check_room(d, at >= 0 ? at : fd, at >= 0 ? parent : dir);
            if (at >= 0)
                close(at);
        }
        close(fd);
        return;
    }
    const char *where = *parent ? parent : dir;
    int err = *parent && fd == -ENOENT ? ht_subject_may_write(d, parent) : fd;
    int at = err ? -1 : ht_subject_look(d, parent, O_DIRECTORY);
    if (!err && at >= 0) {
        check_room(d, at, parent);
        close(at);
        return;
    }
    if (err == -ENOENT) {
        f = ht_found(&d->findings, HT_LEVEL_NOTE, "there is no %s", where);
        ht_remedy(f, *parent ? "mkdir -p /dev/shm && mount -t tmpfs -o mode=1777 tmpfs /dev/shm"
                             : "mkdir -m 700 it, or leave HEAPTAP_REGION_DIR unset");
    } else {
        f = ht_found(&d->findings, HT_LEVEL_NOTE, "user %u cannot write into %s: %s", d->status.uid,
                     where, strerror(err ? -err : EACCES));
        ht_remedy(f, *parent ? "chmod 1777 /dev/shm" : "chown or chmod it");
    }
    ht_why(f, "%s", private_why);
}

/* A program that was not started has no pid: the word stands for it. */
static void show_pid(char *pattern, size_t size)
{
    for (char *at = pattern; (at = strchr(at, '%')); at += 2) {
        if (!at[1])
            return;
        if (at[1] != 'p' || strlen(pattern) + 2 > size)
            continue;
        memmove(at + 3, at + 2, strlen(at + 2) + 1);
        memcpy(at, "PID", 3);
        at++;
    }
}

static const char *name_of_program(const struct ht_doctor *d)
{
    const char *slash = strrchr(d->program.file, '/');
    return !d->argv || !*d->program.file ? "PROGRAM" : slash ? slash + 1 : d->program.file;
}

/* Where its next profile would go; false when it is not known. */
static bool expand(const struct ht_doctor *d, char path[PATH_MAX])
{
    char pattern[PATH_MAX] = "", cwd[PATH_MAX] = "", host[65] = "";
    const struct ht_region_header *h =
        d->has_region && !d->region.fresh ? d->region.view.header : NULL;
    if (h) {
        snprintf(pattern, sizeof pattern, "%.*s", (int)sizeof h->output, h->output);
    } else if (!d->pid) {
        const char *set = ht_subject_variable(d, "HEAPTAP_OUTPUT");
        if (!getcwd(cwd, sizeof cwd))
            return false;
        if ((size_t)snprintf(pattern, sizeof pattern, "%s%s%s", *set == '/' ? "" : cwd,
                             *set == '/' ? "" : "/",
                             *set ? set : "heaptap.%e.%p.pb.gz") >= sizeof pattern)
            return false;
    }
    if (*pattern != '/')
        return false;
    if (!d->pid)
        show_pid(pattern, sizeof pattern);
    gethostname(host, sizeof host - 1);
    struct ht_pattern v = {.name = h ? h->name : name_of_program(d),
                           .host = host,
                           .pid = d->pid ? (uint32_t)d->pid : 0,
                           .seconds = (uint64_t)time(NULL),
                           .last = true};
    return ht_pattern_expand(path, PATH_MAX, pattern, &v);
}

static bool is_full(const struct ht_doctor *d, const char *directory)
{
    struct statvfs v;
    int fd = ht_subject_look(d, directory, O_DIRECTORY);
    bool full = fd >= 0 && !fstatvfs(fd, &v) && v.f_blocks && v.f_bavail * v.f_frsize < 65536;
    if (fd >= 0)
        close(fd);
    return full;
}

void ht_check_output(struct ht_doctor *d)
{
    char path[PATH_MAX];
    struct ht_finding *f;
    if (d->secure || d->root < 0 || (d->pid && !*d->library && !d->has_region) || !expand(d, path))
        return;
    char remedy[100] = "name another place: heaptap run -o /DIR/%e.%p.pb.gz";
    if (d->pid)
        snprintf(remedy, sizeof remedy, "heaptap dump %d -o FILE writes it from here", (int)d->pid);
    if (d->has_region && atomic_load(&d->region.view.header->dump_failures)) {
        f = ht_found(&d->findings, HT_LEVEL_NOTE, "its last dump failed: %s",
                     strerror((int)atomic_load(&d->region.view.header->dump_errno)));
        ht_why(f, "to %s", path);
        ht_remedy(f, "%s", remedy);
    }
    char *slash = strrchr(path, '/');
    char directory[PATH_MAX];
    snprintf(directory, sizeof directory, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    int err = ht_subject_may_write(d, directory);
    if (!err && is_full(d, directory))
        err = -ENOSPC;
    if (!err) {
        ht_found(&d->findings, HT_LEVEL_OK, "%s", path);
        return;
    }
    f = ht_found(&d->findings, HT_LEVEL_NOTE, "user %u cannot write into %s: %s", d->status.uid,
                 directory, strerror(-err));
    ht_why(f, "its profile stays in its region");
    ht_remedy(f, "%s", remedy);
}

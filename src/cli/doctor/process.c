/* SPDX-License-Identifier: MIT */
/* Checks of a process: is it there, may it be looked at, is the library in it and, if not, why. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/doctor/doctor.h"
#include "snapshot/program.h"

#define KERNEL_THREAD 0x200000 /* PF_KTHREAD of stat's flags */

static bool is_kernel_thread(pid_t pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    const char *end = strrchr(text, ')'); /* the name before it may contain any character */
    unsigned flags = 0;
    return end && sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %u", &flags) == 1 &&
           (flags & KERNEL_THREAD);
}

/* The process has ended; it may have left a region. */
static void ended(struct ht_doctor *d, const char *what)
{
    struct ht_region left;
    char msg[512];
    struct ht_finding *f = ht_found(&d->findings, HT_LEVEL_OBSTACLE, "%s", what);
    d->stop = true;
    if (ht_region_open_pid(&left, d->pid, msg, sizeof msg)) {
        ht_why(f, "and it left no region");
        ht_remedy(f, "heaptap ps lists the profiled processes");
        return;
    }
    ht_why(f, "but its region is left");
    ht_remedy(f, "heaptap recover %d writes its profile", (int)d->pid);
    ht_region_close(&left);
}

void ht_check_process(struct ht_doctor *d)
{
    char what[200];
    struct ht_finding *f;
    if (d->pid == getpid()) {
        ht_found(&d->findings, HT_LEVEL_OBSTACLE, "%d is this command itself", (int)d->pid);
        d->stop = true;
    } else if (!ht_status_read(d->pid, &d->status)) {
        snprintf(what, sizeof what, "there is no process %d", (int)d->pid);
        ended(d, what);
    } else if (ht_process_read(d->pid, &d->info) == -ESRCH) {
        snprintf(what, sizeof what, "%s has ended (a zombie until its parent, %d, waits for it)",
                 d->status.name, (int)d->status.parent);
        ended(d, what);
    } else if (is_kernel_thread(d->pid)) {
        f = ht_found(&d->findings, HT_LEVEL_OBSTACLE, "%s is a thread of the kernel",
                     d->status.name);
        ht_why(f, "and has no heap of a program's");
        d->stop = true;
    } else {
        ht_process_name(d->pid, d->status.name, sizeof d->status.name);
        ht_found(&d->findings, HT_LEVEL_OK, "%s, uid %u", d->status.name, d->status.uid);
    }
}

/* A process that may not be inspected may still have a readable region. */
void ht_check_access(struct ht_doctor *d)
{
    char msg[600];
    int err = ht_subject_open(d);
    if (!err) {
        ht_found(&d->findings, HT_LEVEL_OK, "its memory map can be read");
        return;
    }
    if (err == -ESRCH) {
        ended(d, "it has just ended");
        return;
    }
    bool other = d->status.uid != geteuid();
    d->has_region = !ht_region_open_pid(&d->region, d->pid, msg, sizeof msg);
    struct ht_finding *f =
        ht_found(&d->findings, d->has_region ? HT_LEVEL_NOTE : HT_LEVEL_OBSTACLE,
                 "%s (%d) cannot be looked into: %s", d->status.name, (int)d->pid, strerror(-err));
    if (other)
        ht_why(f, "it is user %u's and this command runs as %u", d->status.uid, geteuid());
    else
        ht_why(f, "it has changed its user, or said that nobody is to (PR_SET_DUMPABLE)");
    ht_remedy(f, "as root: heaptap doctor %d", (int)d->pid);
    d->stop = !d->has_region;
}

/* The library that LD_PRELOAD names, as it is written there. */
static bool preload_names_library(const struct ht_doctor *d, char *path, size_t size)
{
    const char *at = ht_subject_variable(d, "LD_PRELOAD");
    while (*at) {
        size_t n = strcspn(at, ": ");
        const char *slash = memrchr(at, '/', n), *base = slash ? slash + 1 : at;
        if (!strncmp(base, "libheaptap", 10)) {
            snprintf(path, size, "%.*s", (int)n, at);
            return true;
        }
        at += n + (at[n] != 0);
    }
    return false;
}

static void explain_preload(struct ht_doctor *d)
{
    char path[PATH_MAX];
    struct ht_finding *f;
    if (d->secure) {
        f = ht_found(&d->findings, HT_LEVEL_OBSTACLE,
                     "it was started with more rights than its starter has (setuid, setgid or file "
                     "capabilities)");
        ht_why(f, "and the loader preloads nothing into such a program");
        ht_remedy(f, "start it as its owner, or as root: heaptap run -- %s", d->status.name);
    } else if (preload_names_library(d, path, sizeof path)) {
        int fd = strchr(path, '/') && !strchr(path, '$') ? ht_subject_look(d, path, 0) : -EAGAIN;
        if (fd >= 0)
            close(fd);
        f = ht_found(&d->findings, HT_LEVEL_OBSTACLE, "LD_PRELOAD names %s", path);
        if (fd == -ENOENT || fd == -ENOTDIR)
            ht_why(f, "and there is no such file where the process is");
        else
            ht_why(f, "and the loader did not load it (it said why when the process started)");
        ht_remedy(f, "start it with a library that it can read: heaptap run -- %s", d->status.name);
    } else {
        f = ht_found(&d->findings, HT_LEVEL_OBSTACLE, "it was started without heaptap");
        ht_why(f, "and nothing can be preloaded into a process that runs");
        ht_remedy(f, "start it again by heaptap run -- %s, or with LD_PRELOAD=libheaptap.so",
                  d->status.name);
    }
}

void ht_check_preload(struct ht_doctor *d)
{
    if (*d->library)
        ht_found(&d->findings, HT_LEVEL_OK, "%s", d->library);
    else if (!d->has_region && d->program.obstacle == HT_PROGRAM_FINE)
        explain_preload(d);
    else if (!d->has_region && d->secure) /* the file alone does not show it */
        explain_preload(d);
}

/* The same namespace as ours, or not known. */
static bool shares(pid_t pid, const char *name)
{
    char path[64];
    struct stat its, ours;
    snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, name);
    if (stat(path, &its))
        return true;
    snprintf(path, sizeof path, "/proc/self/ns/%s", name);
    return stat(path, &ours) || (its.st_dev == ours.st_dev && its.st_ino == ours.st_ino);
}

/* True when the process's /dev/shm is this command's. */
static bool shares_shm(const struct ht_doctor *d)
{
    struct stat its, ours;
    int fd = ht_subject_look(d, "/dev/shm", O_DIRECTORY);
    bool same = fd < 0 || fstat(fd, &its) || stat("/dev/shm", &ours) ||
                (its.st_dev == ours.st_dev && its.st_ino == ours.st_ino);
    if (fd >= 0)
        close(fd);
    return same;
}

void ht_check_namespaces(struct ht_doctor *d)
{
    struct ht_finding *f;
    bool pid = shares(d->pid, "pid");
    if (!shares_shm(d)) {
        f = ht_found(&d->findings, HT_LEVEL_NOTE, "its /dev/shm is another than this command's");
        ht_why(f,
               "so ps and recover from here do not see what it leaves when it is killed; a living "
               "process is read all the same");
        ht_remedy(f, "give both the same directory: docs/systemd-containers.md");
    } else if (!pid) {
        ht_found(&d->findings, HT_LEVEL_OK, "it has pid %d in a pid namespace of its own",
                 (int)d->info.own_pid);
    } else {
        ht_found(&d->findings, HT_LEVEL_OK, "this command's");
    }
}

void ht_check_process_seccomp(struct ht_doctor *d)
{
    const struct ht_status *s = &d->status;
    struct ht_status parent;
    struct ht_finding *f;
    if (!s->seccomp) {
        ht_found(&d->findings, HT_LEVEL_OK, "no filter");
        return;
    }
    bool inherited = s->n_filters > 0 && s->parent && ht_status_read(s->parent, &parent) &&
                     parent.n_filters >= s->n_filters;
    if (s->seccomp == 1)
        f = ht_found(&d->findings, HT_LEVEL_NOTE, "strict mode");
    else if (inherited)
        f = ht_found(&d->findings, HT_LEVEL_NOTE,
                     "a filter was there at its start (its parent has it, too)");
    else
        f = ht_found(&d->findings, HT_LEVEL_NOTE, "a filter is in force");
    if (inherited && !d->has_region)
        ht_why(f, "it may have refused a call that the library makes at start");
    else if (inherited)
        ht_why(f, "what it refuses the library does without; its own dumps may fail");
    else
        ht_why(f, "inside it the process writes no profile by itself: its region has it");
    ht_remedy(f, "heaptap dump %d while it runs, heaptap recover %d after", (int)d->pid,
              (int)d->pid);
}

const struct ht_check ht_process_checks[] = {
    {"process", ht_check_process},
    {"access", ht_check_access},
    {"program", ht_check_program},
    {"preload", ht_check_preload},
    {"library", ht_check_library},
    {"region", ht_check_region},
    {"samples", ht_check_samples},
    {"allocator", ht_check_allocator},
    {"shared memory", ht_check_shared_memory},
    {"limits", ht_check_limits},
    {"seccomp", ht_check_process_seccomp},
    {"namespaces", ht_check_namespaces},
    {"output", ht_check_output},
    {"kernel", ht_check_kernel},
    {"tracing", ht_check_tracing},
    {NULL, NULL},
};

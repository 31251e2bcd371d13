/* SPDX-License-Identifier: MIT */
/* What is diagnosed: a process by /proc, or what is started from here by what it will inherit. */
#include "config.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/doctor/doctor.h"
#include "snapshot/directory.h"
#include "util/openat2.h"

#define ENVIRONMENT_MAX (1u << 20)

static int open_of(pid_t pid, const char *name, int flags)
{
    char path[64];
    if (pid)
        snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    else
        snprintf(path, sizeof path, "/proc/self/%s", name);
    int fd = open(path, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static void read_status_line(const char *line, struct ht_status *s)
{
    unsigned a, b;
    unsigned long n;
    if (sscanf(line, "Name:\t%63[^\n]", s->name) == 1 ||
        sscanf(line, "State:\t%c", &s->state) == 1 || sscanf(line, "PPid:\t%d", &s->parent) == 1 ||
        sscanf(line, "Seccomp:\t%d", &s->seccomp) == 1 ||
        sscanf(line, "Seccomp_filters:\t%d", &s->n_filters) == 1)
        return;
    if (sscanf(line, "Uid:\t%u\t%u", &a, &b) == 2)
        s->uid = b;
    else if (sscanf(line, "Gid:\t%u\t%u", &a, &b) == 2)
        s->gid = b;
    else if (sscanf(line, "RssAnon:\t%lu", &n) == 1)
        s->anonymous = n * 1024;
    else if (!strncmp(line, "Groups:", 7)) {
        char *end;
        for (const char *at = line + 7; s->n_groups < 256; at = end) {
            n = strtoul(at, &end, 10);
            if (end == at)
                break;
            s->groups[s->n_groups++] = (gid_t)n;
        }
    }
}

bool ht_status_read(pid_t pid, struct ht_status *out)
{
    char *line = NULL;
    size_t room = 0;
    *out = (struct ht_status){.n_filters = -1};
    int fd = open_of(pid, "status", O_RDONLY);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
    while (f && getline(&line, &room, f) > 0)
        read_status_line(line, out);
    free(line);
    if (f)
        fclose(f);
    return out->state != 0;
}

/* The contents of a file of /proc, followed by a NUL; NULL when it cannot be read. */
static char *read_whole(pid_t pid, const char *name, size_t *size)
{
    int fd = open_of(pid, name, O_RDONLY);
    char *text = fd < 0 ? NULL : malloc(ENVIRONMENT_MAX + 1);
    size_t n = 0;
    ssize_t got;
    while (text && n < ENVIRONMENT_MAX && (got = read(fd, text + n, ENVIRONMENT_MAX - n)) > 0)
        n += (size_t)got;
    if (text)
        text[n] = 0;
    if (fd >= 0)
        close(fd);
    *size = n;
    return text;
}

static bool read_secure(pid_t pid)
{
    size_t size;
    bool secure = false;
    char *data = read_whole(pid, "auxv", &size);
    for (size_t at = 0; data && at + sizeof(Elf64_auxv_t) <= size; at += sizeof(Elf64_auxv_t)) {
        Elf64_auxv_t v;
        memcpy(&v, data + at, sizeof v);
        secure |= v.a_type == AT_SECURE && v.a_un.a_val;
    }
    free(data);
    return secure;
}

static void consider(void *ctx, const char *path)
{
    struct ht_doctor *d = ctx;
    struct ht_region_name name;
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    if (!strncmp(base, "libheaptap", 10) && !*d->library)
        snprintf(d->library, sizeof d->library, "%s", path);
    else if (ht_allocator_of_library(base) && !*d->allocator)
        snprintf(d->allocator, sizeof d->allocator, "%s", base);
    else if (ht_region_name_parse(base, &name) &&
             (name.pid != d->info.own_pid || name.start_ticks != d->info.start_ticks))
        d->parents_region = true;
}

int ht_subject_open(struct ht_doctor *d)
{
    if (!d->pid) {
        if (!ht_status_read(0, &d->status)) { /* no /proc */
            d->status.uid = geteuid();
            d->status.gid = getegid();
        }
        d->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        return d->root < 0 ? -errno : 0;
    }
    int err = ht_process_read(d->pid, &d->info);
    if (err)
        return err;
    d->root = open_of(d->info.thread, "root", O_PATH | O_DIRECTORY);
    d->environment = read_whole(d->info.thread, "environ", &d->environment_size);
    d->secure = read_secure(d->info.thread);
    return ht_process_objects(&d->info, consider, d);
}

void ht_subject_close(struct ht_doctor *d)
{
    if (d->root >= 0)
        close(d->root);
    free(d->environment);
    if (d->has_region)
        ht_region_close(&d->region);
    ht_findings_finish(&d->findings);
}

const char *ht_subject_variable(const struct ht_doctor *d, const char *name)
{
    size_t n = strlen(name);
    if (!d->pid) {
        const char *v = getenv(name);
        return v ? v : "";
    }
    for (size_t at = 0; d->environment && at < d->environment_size;
         at += strlen(d->environment + at) + 1)
        if (!strncmp(d->environment + at, name, n) && d->environment[at + n] == '=')
            return d->environment + at + n + 1;
    return "";
}

rlim_t ht_subject_limit(const struct ht_doctor *d, int resource)
{
    struct rlimit r;
    return prlimit(d->pid, (__rlimit_resource_t)resource, NULL, &r) ? RLIM_INFINITY : r.rlim_cur;
}

int ht_subject_look(const struct ht_doctor *d, const char *path, int flags)
{
    struct open_how how = {.flags = (unsigned long long)(O_PATH | O_CLOEXEC | flags),
                           .resolve = RESOLVE_IN_ROOT};
    if (d->root < 0)
        return -EACCES;
    int fd = ht_openat2(d->root, path, &how);
    if (fd < 0 && errno == ENOSYS) /* before Linux 5.6 */
        fd = openat(d->root, path + strspn(path, "/"), O_PATH | O_CLOEXEC | flags);
    return fd < 0 ? -errno : fd;
}

static int try_write(const struct ht_doctor *d, const char *directory)
{
    int fd = ht_subject_look(d, directory, O_DIRECTORY);
    if (fd < 0)
        return fd;
    int err = faccessat(fd, ".", W_OK | X_OK, 0) ? -errno : 0;
    close(fd);
    return err;
}

/* Root may write anywhere, so a child with the subject's user and groups tries it. */
int ht_subject_may_write(const struct ht_doctor *d, const char *directory)
{
    const struct ht_status *s = &d->status;
    if (geteuid() || !s->uid)
        return try_write(d, directory);
    pid_t child = fork();
    if (!child) {
        if (setgroups(s->n_groups, s->groups) || setresgid(s->gid, s->gid, s->gid) ||
            setresuid(s->uid, s->uid, s->uid))
            _exit(0); /* not known: no finding */
        _exit(-try_write(d, directory));
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status))
        return 0;
    return -WEXITSTATUS(status);
}

/* SPDX-License-Identifier: MIT */
/*
 * A process that has ended wrote its profiles itself, and they are found by their names; or it left
 * a region, whose profile is written here; or the reason is printed.
 */
#include "config.h"

#include "cli/run/finish.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "profile/profile.h"
#include "region/pattern.h"
#include "region/stream.h"
#include "snapshot/region.h"
#include "util/buffer.h"
#include "util/utf8.h"

#define MAX_NUMBERED 100000

void *ht_run_append(void *list, size_t *n, size_t size)
{
    void **array = list;
    if (!(*n & (*n - 1))) { /* full at every power of two */
        void *more = reallocarray(*array, *n ? *n * 2 : 1, size);
        if (!more)
            return NULL;
        *array = more;
    }
    return memset((char *)*array + (*n)++ * size, 0, size);
}

/* --- writing -----------------------------------------------------------------------------------
 */

static bool is_of_this_run(const struct ht_run_regions *r, const struct stat *st)
{
    return (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec >=
           r->started_ns;
}

/* True when another process or image of this run, perhaps in another pid namespace, has this
 * file. */
static bool path_in_use(const struct ht_run_regions *r, const char *path)
{
    struct stat st;
    if (!stat(path, &st) && S_ISREG(st.st_mode) && is_of_this_run(r, &st))
        return true;
    for (size_t i = 0; i < r->n_profiles; i++) {
        const struct ht_run_profile *p = &r->profiles[i];
        if (!strcmp(p->path, path))
            return true;
        for (size_t k = 0; k < p->n_numbered; k++)
            if (!strcmp(p->numbered[k], path))
                return true;
    }
    return false;
}

static void fail(struct ht_run_regions *r, const char *what, int err, const char *then)
{
    char msg[3 * PATH_MAX];
    snprintf(msg, sizeof msg, "cannot write %s: %s; %s", what, strerror(-err), then);
    ht_run_fail(r, msg);
}

bool ht_run_is_foreign(const struct ht_run_regions *r, uint64_t pid_namespace)
{
    return pid_namespace && r->pid_namespace && pid_namespace != r->pid_namespace;
}

struct ht_pattern ht_run_values(const struct ht_run_regions *r, const char *name, uint32_t pid)
{
    return (struct ht_pattern){
        .name = name,
        .host = r->host,
        .pid = pid,
        .seconds = (uint64_t)time(NULL),
        .last = true,
        .relative = (pid_t)pid != r->root,
    };
}

bool ht_run_free_path(const struct ht_run_regions *r, char *path, size_t size)
{
    char base[PATH_MAX];
    snprintf(base, sizeof base, "%s", path);
    for (uint64_t n = 1; path_in_use(r, path); n++) {
        snprintf(path, size, "%s", base);
        if (!ht_pattern_insert(path, size, n))
            return false;
    }
    return true;
}

static int write_as(const struct ht_run_regions *r, const struct ht_region_header *h,
                    const char *pattern, const struct ht_buffer *b, char *path, size_t size)
{
    struct ht_pattern v = ht_run_values(r, h->name, h->pid);
    v.number = (uint32_t)(h->dumps + h->dump_failures);
    if (!ht_pattern_expand(path, size, pattern, &v))
        return -ENAMETOOLONG;
    /* The next image of the process has this name already. */
    if (path_in_use(r, path) && v.pid == (uint32_t)r->root && !strstr(pattern, "%p") &&
        !ht_pattern_insert(path, size, v.pid))
        return -ENAMETOOLONG;
    if (!ht_run_free_path(r, path, size))
        return -ENAMETOOLONG;
    return ht_file_replace(path, b->data, b->size);
}

/* The profile of a process that could not write it. */
static int write_profile(struct ht_run_regions *r, const struct ht_view *v, const char *pattern,
                         char *path, size_t size)
{
    static struct ht_stream_workspace workspace;
    struct ht_buffer b = {NULL, 0, 0};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct ht_stream_options o = {.gzip = true,
                                  .time_nanos = now.tv_sec * 1000000000ll + now.tv_nsec};
    int64_t n = ht_stream_profile(v, &o, &workspace, ht_buffer_append, &b);
    int err = n < 0 ? (int)n : write_as(r, v->header, pattern, &b, path, size);
    if (n >= 0 && err) {
        char wanted[PATH_MAX], usual[PATH_MAX] = "";
        snprintf(wanted, sizeof wanted, "%s", path);
        for (size_t i = 0, k = 0; r->cwd[i] && k + 2 < sizeof usual; i++) {
            usual[k++] = r->cwd[i];
            if (r->cwd[i] == '%')
                usual[k++] = '%';
        }
        strncat(usual, "/heaptap.%e.%p.pb.gz", sizeof usual - strlen(usual) - 1);
        int again = write_as(r, v->header, usual, &b, path, size);
        char then[PATH_MAX + 16];
        snprintf(then, sizeof then, "it is in %s", r->cwd);
        fail(r, wanted, err, again ? "the profile stays in its region (heaptap recover)" : then);
        err = again;
    }
    free(b.data);
    return err;
}

/* --- finished processes ------------------------------------------------------------------------
 */

#define NO_TIME "19700101T000000Z" /* what %t of second 0 is */

/* Lists the run's files that match a pattern, with any time in them. */
static void find_files(const struct ht_run_regions *r, const char *path, struct ht_run_profile *to)
{
    char quoted[2 * PATH_MAX];
    size_t n = 0;
    for (const char *p = path; *p && n + sizeof NO_TIME + 2 < sizeof quoted; p++) {
        if (!strncmp(p, NO_TIME, sizeof NO_TIME - 1)) {
            n += (size_t)sprintf(quoted + n, "????????T??????Z");
            p += sizeof NO_TIME - 2;
            continue;
        }
        if (strchr("\\*?[", *p))
            quoted[n++] = '\\';
        quoted[n++] = *p;
    }
    quoted[n] = 0;
    glob_t g;
    if (glob(quoted, GLOB_NOSORT, NULL, &g))
        return;
    for (size_t i = 0; i < g.gl_pathc; i++) {
        struct stat st;
        if (stat(g.gl_pathv[i], &st) || !is_of_this_run(r, &st) || !S_ISREG(st.st_mode))
            continue;
        char **slot = ht_run_append(&to->numbered, &to->n_numbered, sizeof *slot);
        if (slot && !(*slot = strdup(g.gl_pathv[i])))
            to->n_numbered--;
    }
    globfree(&g);
}

static void find_numbered(const struct ht_run_regions *r, const struct ht_region_header *h,
                          const char *pattern, struct ht_run_profile *to)
{
    uint64_t n = h->dumps + h->dump_failures;
    for (uint64_t i = 0; i < n && i < MAX_NUMBERED; i++) {
        char path[PATH_MAX];
        struct ht_pattern v = ht_run_values(r, h->name, h->pid);
        v.number = (uint32_t)i;
        v.last = false;
        v.seconds = 0;
        bool foreign = ht_run_is_foreign(r, h->pid_namespace);
        if (ht_pattern_expand(path, sizeof path, pattern, &v) &&
            (!foreign || ht_pattern_insert(path, sizeof path, h->start_ticks)))
            find_files(r, path, to);
    }
    for (size_t i = 0; i < to->n_numbered; i++) /* with %n this finds the last one, too */
        if (!strcmp(to->numbered[i], to->path)) {
            free(to->numbered[i]);
            to->numbered[i] = to->numbered[--to->n_numbered];
        }
}

static uint64_t total_lost(const struct ht_region_header *h)
{
    uint64_t n = 0;
    for (int i = 0; i < HT_LOSS_COUNT; i++)
        n += h->losses[i];
    n += h->inherits;
    return n;
}

/* True when another user's region names the same file that this run would have given it. */
static bool is_as_expected(const struct ht_run_regions *r, const struct ht_region_header *h,
                           const char *path)
{
    char expected[PATH_MAX];
    struct ht_pattern v = ht_run_values(r, h->name, h->pid);
    v.number = (uint32_t)(h->dumps + h->dump_failures - 1);
    return ht_pattern_expand(expected, sizeof expected, r->pattern, &v) && !strcmp(expected, path);
}

/* A file that a process wrote in its own mount namespace may be visible only there. */
static bool is_here(const struct ht_run_regions *r, const char *path)
{
    struct stat st;
    return !stat(path, &st) && S_ISREG(st.st_mode) && is_of_this_run(r, &st);
}

/* When the process ended: when it wrote its profile, or when it was found to be gone. */
static uint64_t end_of(const struct ht_region_header *h, const char *path)
{
    struct stat st;
    if (h->state == HT_STATE_DUMPED && !stat(path, &st))
        return (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* What a forked child has not from its parent: the parent's profile has the rest. */
static void take_own(struct ht_run_profile *p, const struct ht_view *v)
{
    static struct ht_stream_workspace workspace;
    struct ht_buffer b = {NULL, 0, 0};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct ht_stream_options o = {.without_inherited = true,
                                  .time_nanos = now.tv_sec * 1000000000ll + now.tv_nsec};
    if (ht_stream_profile(v, &o, &workspace, ht_buffer_append, &b) < 0) {
        free(b.data);
        return;
    }
    p->own = b.data;
    p->own_size = b.size;
    struct ht_cursor c = {.kind = HT_KIND_SITE};
    const struct ht_site *site;
    struct ht_values values;
    while ((site = ht_view_next(v, &c)))
        if (site->flags & HT_SITE_INHERITED) {
            ht_site_values(v, site, &values);
            p->inuse -= values.inuse_bytes;
        }
}

bool ht_run_finish_region(struct ht_run_regions *r, const struct ht_view *v, bool foreign_owner,
                          bool other_mounts)
{
    const struct ht_region_header *h = v->header;
    const char *pattern = foreign_owner ? r->pattern : h->output;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%.*s", (int)sizeof h->last_dump, h->last_dump);
    if (!ht_region_has_samples(v))
        return true;
    if (h->state == HT_STATE_DUMPED && (!foreign_owner || is_as_expected(r, h, path)) &&
        (!other_mounts || is_here(r, path))) {
        /* written already */
    } else if (write_profile(r, v, pattern, path, sizeof path)) {
        return false;
    }
    struct ht_run_profile *p = ht_run_append(&r->profiles, &r->n_profiles, sizeof *p);
    if (!p || !(p->path = strdup(path)))
        return r->n_profiles -= p != NULL, false;
    snprintf(p->name, sizeof p->name, "%s", h->name);
    p->pid = h->pid;
    p->foreign = ht_run_is_foreign(r, h->pid_namespace);
    p->samples = ht_region_samples(v);
    p->lost = total_lost(h);
    p->truncated = h->truncated;
    p->rate = h->rate;
    p->figures = true;
    struct ht_region_totals totals;
    ht_region_totals(v, &totals);
    p->inuse = totals.values.inuse_bytes;
    p->began_ns = h->start_wall_ns;
    p->ended_ns = end_of(h, path);
    p->forked = h->flags & HT_REGION_ADOPTED;
    p->parent = h->parent_pid;
    if (p->forked)
        take_own(p, v);
    find_numbered(r, h, pattern, p);
    return true;
}

void ht_run_fail(struct ht_run_regions *r, const char *msg)
{
    if (!r->n_failures++)
        snprintf(r->failure, sizeof r->failure, "%.*s", (int)sizeof r->failure - 1, msg);
}

void ht_run_lose(struct ht_run_regions *r, const char *name, uint32_t pid, bool foreign, int err,
                 const char *path)
{
    char msg[sizeof r->failure], plain[64];
    snprintf(plain, sizeof plain, "%s", name);
    ht_plain_text(plain, false);
    if (err)
        snprintf(
            msg, sizeof msg,
            "cannot write %s: %s; the samples of %s (pid %u%s) were in its own memory, which went "
            "with it",
            path, strerror(-err), plain, pid, HT_RUN_WHERE(foreign));
    else
        snprintf(
            msg, sizeof msg,
            "no profile of %s (pid %u%s): its samples were in its own memory, which went with it "
            "(a full /dev/shm, ulimit -f and ulimit -n are the usual reasons)",
            plain, pid, HT_RUN_WHERE(foreign));
    ht_run_fail(r, msg);
}

/* By the mode of the directory. */
static bool may_write(const char *path, uid_t uid)
{
    char directory[PATH_MAX];
    struct stat st;
    snprintf(directory, sizeof directory, "%s", path);
    char *slash = strrchr(directory, '/');
    if (slash)
        slash[slash == directory] = 0;
    return !uid || stat(slash ? directory : ".", &st) ||
           (uid == st.st_uid ? st.st_mode & 0200 : st.st_mode & 0022) || uid == geteuid();
}

void ht_run_list_living(struct ht_run_regions *r, const char *name, uint32_t pid, uint32_t own_pid,
                        uid_t uid)
{
    for (size_t i = 0; i < r->n_living; i++)
        if (r->living[i].pid == pid) /* an older image of it */
            return;
    struct ht_run_living *l = ht_run_append(&r->living, &r->n_living, sizeof *l);
    if (!l)
        return;
    struct ht_pattern v = ht_run_values(r, name, own_pid);
    snprintf(l->name, sizeof l->name, "%s", name);
    ht_plain_text(l->name, false);
    l->pid = pid;
    if (!ht_pattern_expand(l->path, sizeof l->path, r->pattern, &v))
        snprintf(l->path, sizeof l->path, "%s", r->pattern);
    l->stays = !may_write(l->path, uid);
}

bool ht_run_regions_add_file(struct ht_run_regions *r, const char *pattern, const char *name,
                             pid_t pid)
{
    struct ht_pattern v = ht_run_values(r, name, (uint32_t)pid);
    struct ht_run_profile found = {0}, *p = NULL;
    char path[PATH_MAX];
    v.seconds = 0;
    if (ht_pattern_expand(path, sizeof path, pattern, &v))
        find_files(r, path, &found);
    if (found.n_numbered && (p = ht_run_append(&r->profiles, &r->n_profiles, sizeof *p))) {
        p->path = found.numbered[--found.n_numbered];
        p->pid = (uint32_t)pid;
        snprintf(p->name, sizeof p->name, "%s", name);
    }
    for (size_t i = 0; i < found.n_numbered; i++)
        free(found.numbered[i]);
    free(found.numbered);
    return p != NULL;
}

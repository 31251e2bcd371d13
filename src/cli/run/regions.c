/* SPDX-License-Identifier: MIT */
/*
 * Sweeps the directories of regions while the program runs, and after it. A region of this run
 * whose process is gone is turned into a profile file and removed.
 */
#include "config.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "cli/run/regions.h"
#include "profile/profile.h"
#include "region/pattern.h"
#include "region/stream.h"
#include "snapshot/directory.h"
#include "snapshot/process.h"
#include "snapshot/region.h"

#define MAX_NUMBERED 100000

struct ht_run_entry {
    char path[320];
    struct ht_region_name name; /* its number counts the execs of one process */
    char program[64];
    enum { ENTRY_NEW, ENTRY_OURS, ENTRY_OTHER, ENTRY_DONE } state;
    bool present;
    /* A process that root started and that has given up its rights: what its region says of files
     * is not for root to write to. */
    bool strangers;
};

void ht_run_regions_init(struct ht_run_regions *r, uint64_t run_id, const char *cwd,
                         const char *pattern)
{
    struct utsname u;
    memset(r, 0, sizeof *r);
    r->run_id = run_id;
    r->cwd = cwd;
    r->pattern = pattern;
    r->started = time(NULL);
    if (!uname(&u))
        snprintf(r->host, sizeof r->host, "%s", u.nodename);
}

void ht_run_regions_finish(struct ht_run_regions *r)
{
    for (size_t i = 0; i < r->n_profiles; i++) {
        for (size_t k = 0; k < r->profiles[i].n_numbered; k++)
            free(r->profiles[i].numbered[k]);
        free(r->profiles[i].numbered);
        free(r->profiles[i].path);
    }
    free(r->profiles);
    free(r->living);
    free(r->entries);
}

/* Room for one more, zeroed; NULL when out of memory. */
static void *append(void *list, size_t *n, size_t size)
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

/* --- writing ----------------------------------------------------------------------------------- */

struct buffer {
    unsigned char *data;
    size_t size, room;
};

static int append_data(void *sink, const void *data, size_t n)
{
    struct buffer *b = sink;
    if (n > b->room - b->size) {
        size_t room = (b->size + n) * 2;
        unsigned char *more = realloc(b->data, room);
        if (!more)
            return -ENOMEM;
        b->data = more;
        b->room = room;
    }
    memcpy(b->data + b->size, data, n);
    b->size += n;
    return 0;
}

static bool path_in_use(const struct ht_run_regions *r, const char *path)
{
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

static void fail(struct ht_run_regions *r, const char *what, int error, const char *then)
{
    if (!r->n_failures++)
        snprintf(r->failure, sizeof r->failure, "cannot write %s: %s; %s", what, strerror(-error), then);
}

static struct ht_pattern values(const struct ht_run_regions *r, const char *name, uint32_t pid)
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

static int write_as(const struct ht_run_regions *r, const struct ht_region_header *h,
                    const char *pattern, const struct buffer *b, char *path, size_t size)
{
    struct ht_pattern v = values(r, h->name, h->pid);
    v.number = (uint32_t)(h->dumps + h->dump_failures);
    if (!ht_pattern_expand(path, size, pattern, &v))
        return -ENAMETOOLONG;
    /* The image that came after this one by exec has the name already. */
    char base[PATH_MAX];
    if (path_in_use(r, path) && v.pid == (uint32_t)r->root && !strstr(pattern, "%p") &&
        !ht_pattern_insert(path, size, v.pid))
        return -ENAMETOOLONG;
    snprintf(base, sizeof base, "%s", path);
    for (uint64_t n = 1; path_in_use(r, path); n++) {
        snprintf(path, size, "%s", base);
        if (!ht_pattern_insert(path, size, n))
            return -ENAMETOOLONG;
    }
    return ht_file_replace(path, b->data, b->size);
}

/* The profile of a process that could not write it. */
static int write_profile(struct ht_run_regions *r, const struct ht_view *v, const char *pattern,
                         char *path, size_t size)
{
    static struct ht_stream_workspace workspace;
    struct buffer b = {NULL, 0, 0};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct ht_stream_options o = {.gzip = true,
                                  .time_nanos = now.tv_sec * 1000000000ll + now.tv_nsec};
    int64_t n = ht_stream_profile(v, &o, &workspace, append_data, &b);
    int error = n < 0 ? (int)n : write_as(r, v->header, pattern, &b, path, size);
    if (n >= 0 && error) {
        char wanted[PATH_MAX], usual[PATH_MAX] = "";
        snprintf(wanted, sizeof wanted, "%s", path);
        for (size_t i = 0, k = 0; r->cwd[i] && k + 2 < sizeof usual; i++) {
            usual[k++] = r->cwd[i];
            if (r->cwd[i] == '%')
                usual[k++] = '%';
        }
        strncat(usual, "/heaptap.%e.%p.pb.gz", sizeof usual - strlen(usual) - 1);
        int again = write_as(r, v->header, usual, &b, path, size);
        fail(r, wanted, error,
             again ? "the profile stays in its region (heaptap recover)" : "it is in the current directory");
        error = again;
    }
    free(b.data);
    return error;
}

/* --- finished processes ------------------------------------------------------------------------ */

#define NO_TIME "19700101T000000Z" /* what %t of second 0 is */

/* The files of the run that a pattern names, whatever the time in them. */
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
        if (stat(g.gl_pathv[i], &st) || st.st_mtim.tv_sec < r->started || !S_ISREG(st.st_mode))
            continue;
        char **slot = append(&to->numbered, &to->n_numbered, sizeof *slot);
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
        struct ht_pattern v = values(r, h->name, h->pid);
        v.number = (uint32_t)i;
        v.last = false;
        v.seconds = 0;
        if (ht_pattern_expand(path, sizeof path, pattern, &v))
            find_files(r, path, to);
    }
    for (size_t i = 0; i < to->n_numbered; i++) /* with %n the last one is found as well */
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

/* Whether a stranger's region names the very file that this run would have given it. */
static bool is_as_expected(const struct ht_run_regions *r, const struct ht_region_header *h,
                           const char *path)
{
    char expected[PATH_MAX];
    struct ht_pattern v = values(r, h->name, h->pid);
    v.number = (uint32_t)(h->dumps + h->dump_failures - 1);
    return ht_pattern_expand(expected, sizeof expected, r->pattern, &v) && !strcmp(expected, path);
}

/* Returns whether the region is no longer needed. */
static bool finish_region(struct ht_run_regions *r, const struct ht_view *v, bool strangers)
{
    const struct ht_region_header *h = v->header;
    const char *pattern = strangers ? r->pattern : h->output;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%.*s", (int)sizeof h->last_dump, h->last_dump);
    if (h->state == HT_STATE_DUMPED && (!strangers || is_as_expected(r, h, path))) {
        /* written already */
    } else if (!ht_region_has_samples(v)) {
        return true;
    } else if (write_profile(r, v, pattern, path, sizeof path)) {
        return false;
    }
    struct ht_run_profile *p = append(&r->profiles, &r->n_profiles, sizeof *p);
    if (!p || !(p->path = strdup(path)))
        return r->n_profiles -= p != NULL, false;
    snprintf(p->name, sizeof p->name, "%s", h->name);
    p->pid = h->pid;
    p->samples = ht_region_samples(v);
    p->lost = total_lost(h);
    p->truncated = h->truncated;
    p->rate = h->rate;
    p->figures = true;
    find_numbered(r, h, pattern, p);
    return true;
}

static void finish_entry(struct ht_run_regions *r, struct ht_run_entry *e)
{
    struct ht_region region;
    char msg[512];
    if (ht_region_open_path(&region, e->path, msg, sizeof msg)) {
        if (!r->n_failures++)
            snprintf(r->failure, sizeof r->failure, "%s", msg);
    } else if (finish_region(r, &region.view, e->strangers)) {
        unlink(e->path);
    }
    ht_region_close(&region);
    e->state = ENTRY_DONE;
}

/* --- looking ----------------------------------------------------------------------------------- */

static struct ht_run_entry *find_entry(struct ht_run_regions *r, const char *path)
{
    for (size_t i = 0; i < r->n_entries; i++)
        if (!strcmp(r->entries[i].path, path))
            return &r->entries[i];
    return append(&r->entries, &r->n_entries, sizeof *r->entries);
}

static int scan_file(void *ctx, int dir, const char *directory, const char *file, int fd,
                     const struct stat *st, const struct ht_region_name *name)
{
    struct ht_run_regions *r = ctx;
    struct ht_region region;
    char path[sizeof r->entries->path];
    (void)dir;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", directory, file) >= sizeof path)
        return 0;
    struct ht_run_entry *e = find_entry(r, path);
    if (!e)
        return 0;
    strcpy(e->path, path);
    e->name = *name;
    e->present = true;
    e->strangers |= st->st_uid != geteuid();
    if (e->state != ENTRY_NEW || ht_region_open_header(&region, fd, path, NULL, 0))
        return 0; /* known, or still being made */
    const struct ht_region_header *h = region.view.header;
    e->state = h->run_id == r->run_id ? ENTRY_OURS : ENTRY_OTHER;
    snprintf(e->program, sizeof e->program, "%s", h->name);
    if (e->state == ENTRY_OURS && name->pid == r->root)
        r->seen_root = true;
    ht_region_close(&region);
    return 0;
}

static void scan(struct ht_run_regions *r)
{
    for (size_t i = 0; i < r->n_entries; i++)
        r->entries[i].present = false;
    ht_region_directory_walk(scan_file, r);
    size_t kept = 0;
    for (size_t i = 0; i < r->n_entries; i++)
        if (r->entries[i].present)
            r->entries[kept++] = r->entries[i];
    r->n_entries = kept;
}

/* By process; its newest image first, which has had the first choice of a name. */
static int by_process(const void *a, const void *b)
{
    const struct ht_region_name *x = &((const struct ht_run_entry *)a)->name;
    const struct ht_region_name *y = &((const struct ht_run_entry *)b)->name;
    if (x->pid != y->pid)
        return x->pid < y->pid ? -1 : 1;
    if (x->start_ticks != y->start_ticks)
        return x->start_ticks < y->start_ticks ? -1 : 1;
    return x->number > y->number ? -1 : x->number < y->number;
}

static bool is_alive(const struct ht_region_name *name)
{
    struct ht_process_info p;
    return !ht_process_read(name->pid, &p) &&
           (!name->start_ticks || p.start_ticks == name->start_ticks);
}

static void list_living(struct ht_run_regions *r, const struct ht_run_entry *e)
{
    uint32_t pid = (uint32_t)e->name.pid;
    if (r->n_living && r->living[r->n_living - 1].pid == pid) /* an older image of it */
        return;
    struct ht_run_living *l = append(&r->living, &r->n_living, sizeof *l);
    if (l) {
        memcpy(l->name, e->program, sizeof l->name);
        l->pid = pid;
    }
}

void ht_run_regions_sweep(struct ht_run_regions *r, bool last)
{
    scan(r);
    if (r->n_entries)
        qsort(r->entries, r->n_entries, sizeof *r->entries, by_process);
    for (size_t i = 0; i < r->n_entries; i++) {
        struct ht_run_entry *e = &r->entries[i];
        if (e->state != ENTRY_OURS)
            continue;
        if (!is_alive(&e->name))
            finish_entry(r, e);
        else if (last)
            list_living(r, e);
    }
}

void ht_run_regions_add_file(struct ht_run_regions *r, const char *pattern, const char *name,
                             pid_t pid)
{
    struct ht_pattern v = values(r, name, (uint32_t)pid);
    struct ht_run_profile found = {0}, *p;
    char path[PATH_MAX];
    v.seconds = 0;
    if (ht_pattern_expand(path, sizeof path, pattern, &v))
        find_files(r, path, &found);
    if (found.n_numbered && (p = append(&r->profiles, &r->n_profiles, sizeof *p))) {
        p->path = found.numbered[--found.n_numbered];
        p->pid = (uint32_t)pid;
        snprintf(p->name, sizeof p->name, "%s", name);
    }
    for (size_t i = 0; i < found.n_numbered; i++)
        free(found.numbered[i]);
    free(found.numbered);
}

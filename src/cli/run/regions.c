/* SPDX-License-Identifier: MIT */
/*
 * Sweeps the directories of regions while the program runs, and after it. A region of this run
 * whose process is gone is turned into a profile file and removed.
 */
#include "config.h"

#include "cli/run/regions.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "cli/run/finish.h"
#include "cli/run/groups.h"
#include "cli/run/marks.h"
#include "cli/run/strays.h"
#include "region/stream.h"
#include "snapshot/directory.h"
#include "snapshot/process.h"
#include "snapshot/region.h"

struct ht_run_entry {
    char path[320];
    struct ht_region_name name; /* .N counts the execs of one process */
    char program[64];
    enum { ENTRY_NEW, ENTRY_OURS, ENTRY_OTHER, ENTRY_DONE } state;
    bool present;
    /* A process that root started and that gave up its rights: root must not write to the files
     * that its region names. */
    bool foreign_owner;
    uint64_t device, inode, pid_namespace;
};

static uint64_t file_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now); /* that of files' times */
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The start of the run by the clock of files' times. Waits until a file of that name which was
 * there before is older, because the clock has steps of milliseconds. */
static uint64_t begin(const struct ht_run_regions *r, const char *program)
{
    char path[PATH_MAX];
    struct stat st;
    struct ht_pattern v = ht_run_values(r, program, 0);
    v.relative = false;
    for (int i = 0;
         i < 20 && ht_pattern_expand(path, sizeof path, r->pattern, &v) && !stat(path, &st) &&
         (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec >= file_clock();
         i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return file_clock();
}

void ht_run_regions_init(struct ht_run_regions *r, uint64_t run_id, const char *cwd,
                         const char *pattern, const char *program)
{
    struct utsname u;
    memset(r, 0, sizeof *r);
    r->run_id = run_id;
    r->cwd = cwd;
    r->pattern = pattern;
    struct stat st;
    const char *own = getenv("HEAPTAP_REGION_DIR");
    r->directory = own && *own == '/' ? own : "/dev/shm";
    struct ht_process_info self;
    r->start_ticks = ht_process_read(getpid(), &self) ? 0 : self.start_ticks;
    r->pid_namespace = stat("/proc/self/ns/pid", &st) ? 0 : st.st_ino;
    r->device = stat(r->directory, &st) ? 0 : st.st_dev;
    if (!uname(&u))
        snprintf(r->host, sizeof r->host, "%s", u.nodename);
    r->started_ns = begin(r, program);
}

void ht_run_regions_finish(struct ht_run_regions *r)
{
    for (size_t i = 0; i < r->n_profiles; i++) {
        for (size_t k = 0; k < r->profiles[i].n_numbered; k++)
            free(r->profiles[i].numbered[k]);
        free(r->profiles[i].numbered);
        free(r->profiles[i].path);
        free(r->profiles[i].own);
    }
    free(r->profiles);
    free(r->living);
    free(r->entries);
    ht_run_groups_destroy(r);
    ht_run_strays_finish(r);
    ht_run_marks_finish(r);
}

/* --- looking -----------------------------------------------------------------------------------
 */

static struct ht_run_entry *find_entry(struct ht_run_regions *r, const char *path)
{
    for (size_t i = 0; i < r->n_entries; i++)
        if (!strcmp(r->entries[i].path, path))
            return &r->entries[i];
    return ht_run_append(&r->entries, &r->n_entries, sizeof *r->entries);
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
    e->foreign_owner |= st->st_uid != geteuid();
    if (e->state != ENTRY_NEW || ht_region_open_header(&region, fd, path, NULL, 0))
        return 0; /* known already, or still being made */
    const struct ht_region_header *h = region.view.header;
    e->state = h->run_id == r->run_id ? ENTRY_OURS : ENTRY_OTHER;
    snprintf(e->program, sizeof e->program, "%s", h->name);
    if (e->state == ENTRY_OURS && name->pid == r->root)
        r->seen_root = true;
    e->device = st->st_dev;
    e->inode = st->st_ino;
    e->pid_namespace = h->pid_namespace;
    ht_region_close(&region);
    return 0;
}

static void scan(struct ht_run_regions *r)
{
    for (size_t i = 0; i < r->n_entries; i++)
        r->entries[i].present = false;
    int err = ht_region_directory_walk(scan_file, r);
    if (err)
        r->blind = err;
    size_t kept = 0;
    for (size_t i = 0; i < r->n_entries; i++)
        if (r->entries[i].present)
            r->entries[kept++] = r->entries[i];
    r->n_entries = kept;
}

static void finish_entry(struct ht_run_regions *r, struct ht_run_entry *e)
{
    struct ht_region region;
    char msg[512];
    int err = ht_region_open_path(&region, e->path, msg, sizeof msg);
    if (err == -ENOENT) {
        /* The region is gone since the directory was read: its process had no sample, or its
         * next image has written its profile. */
    } else if (err) {
        ht_run_fail(r, msg);
    } else {
        r->empty_root |= (pid_t)region.view.header->pid == r->root &&
                         region.view.header->state == HT_STATE_DUMPED &&
                         !ht_region_has_samples(&region.view);
        if (ht_run_finish_region(r, &region.view, e->foreign_owner, false))
            unlink(e->path);
    }
    ht_region_close(&region);
    e->state = ENTRY_DONE;
}

/* Sorted by process, and its images by age, the newest first: it gets the first choice of a
 * name. */
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

/* The process holds a lock as long as it has the region mapped. So a process in a pid namespace
 * that is not visible here is known to live. */
static bool is_mapped(const char *path)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool mapped = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB);
    if (fd >= 0)
        close(fd);
    return mapped;
}

static bool is_foreign(const struct ht_run_regions *r, const struct ht_run_entry *e)
{
    return ht_run_is_foreign(r, e->pid_namespace);
}

static bool is_alive(const struct ht_run_regions *r, const struct ht_run_entry *e)
{
    struct ht_process_info p;
    if (ht_run_strays_find(r, e->device, e->inode))
        return true;
    if (is_foreign(r, e))
        return is_mapped(e->path);
    return !ht_process_read(e->name.pid, &p) &&
           (!e->name.start_ticks || ht_same_start(p.start_ticks, e->name.start_ticks));
}

/* True for the region of an older image of a living process, whose present image has another
 * region mapped. */
static bool is_left_by_exec(const struct ht_run_regions *r, const struct ht_run_entry *e)
{
    if (is_mapped(e->path))
        return false;
    for (size_t i = 0; i < r->n_entries; i++) {
        const struct ht_run_entry *other = &r->entries[i];
        if (other != e && other->name.pid == e->name.pid &&
            other->name.start_ticks == e->name.start_ticks && is_mapped(other->path))
            return true;
    }
    return false;
}

static bool is_walked(const struct ht_run_regions *r, uint64_t device, uint64_t inode)
{
    for (size_t i = 0; i < r->n_entries; i++)
        if (r->entries[i].inode == inode && r->entries[i].device == device)
            return true;
    return false;
}

/*
 * The process is in another pid namespace, and cannot ask whether `run` lives. The mark tells it to
 * remove its region itself. It says that it has dumped before it looks for the mark, and the mark
 * is set here before that is read: if it left the region to `run` a moment ago, it is about to end.
 * False: it is.
 */
static bool leave_to_process(const struct ht_run_entry *e)
{
    struct ht_region region;
    bool dumped = false;
    if (chmod(e->path, HT_REGION_LEFT_MODE | 0600))
        return true;
    if (!ht_region_open_path(&region, e->path, NULL, 0))
        dumped = region.view.header->state == HT_STATE_DUMPED;
    ht_region_close(&region);
    for (int i = 0; dumped && i < 1000 && is_mapped(e->path); i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return !dumped || is_mapped(e->path);
}

static void list_living(struct ht_run_regions *r, const struct ht_run_entry *e)
{
    uint32_t pid = (uint32_t)e->name.pid, seen_as = pid;
    const struct ht_run_stray *s = ht_run_strays_find(r, e->device, e->inode);
    struct ht_process_info p;
    if (s)
        seen_as = (uint32_t)s->pid;
    ht_run_list_living(r, e->program, seen_as, pid,
                       s                                   ? s->uid
                       : !ht_process_read(e->name.pid, &p) ? p.uid
                                                           : geteuid());
}

void ht_run_regions_sweep(struct ht_run_regions *r, bool last)
{
    scan(r);
    ht_run_strays_look(r, is_walked, last);
    if (last)
        scan(r); /* regions that were made meanwhile */
    if (r->n_entries)
        qsort(r->entries, r->n_entries, sizeof *r->entries, by_process);
    for (size_t i = 0; i < r->n_entries; i++) {
        struct ht_run_entry *e = &r->entries[i];
        if (e->state != ENTRY_OURS)
            continue;
        bool alive = is_alive(r, e);
        if (alive && last && is_left_by_exec(r, e))
            alive = false; /* no other command removes it */
        if (alive && last && is_foreign(r, e))
            alive = leave_to_process(e);
        if (!alive)
            finish_entry(r, e);
        else if (last)
            list_living(r, e);
    }
    ht_run_marks_collect(r, last);
    if (last)
        ht_run_strays_collect(r, is_walked);
}

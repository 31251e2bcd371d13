/* SPDX-License-Identifier: MIT */
/*
 * The regions of the run are searched for processes that wait. One that is looked at is let go as
 * soon as its memory has been read; names, suppressions, the profile and the report come when the
 * program has ended, for they take longer.
 */
#include "config.h"

#include "cli/run/leaks.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/process/leaks_report.h"
#include "cli/run/finish.h"
#include "cli/words.h"
#include "leaks/sites.h"
#include "profile/profile.h"
#include "remote/remote.h"
#include "snapshot/directory.h"
#include "snapshot/process.h"
#include "snapshot/region.h"
#include "symbolize/symbolize.h"
#include "util/utf8.h"

#define KEPT_MAX 64 /* processes whose report waits for the end */
#define SHOWN    20 /* sites of a process */
#define BEAT_NS  1000000000u

struct ht_run_leaky {
    struct ht_leaks l;
    struct ht_leak_rows rows;
    char name[64];
};

int ht_run_leaks_init(struct ht_run_leaks *k, struct ht_run_regions *r)
{
    k->regions = r;
    k->file = -1;
    k->out = open_memstream(&k->report, &k->report_size);
    return k->out ? 0 : -ENOMEM;
}

static void fail(struct ht_run_leaks *k, const char *name, pid_t pid, const char *why)
{
    if (!k->failures++)
        snprintf(k->failure, sizeof k->failure, "cannot look for leaks in %s (pid %d): %.300s",
                 name, (int)pid, why);
}

/* --- who waits ----------------------------------------------------------------------------------
 */

/* A word of the header. With pwrite, for a mapped file may be cut short under us. */
static void tell(int file, size_t offset, uint32_t word)
{
    if (pwrite(file, &word, sizeof word, (off_t)offset) != sizeof word)
        return; /* the process goes on by itself, later */
}

static void beat(int file, uint32_t number)
{
    tell(file, offsetof(struct ht_region_header, leak_beat), number);
}

static void let_go(int file)
{
    tell(file, offsetof(struct ht_region_header, leak_look), HT_LEAK_LOOK_DONE);
}

static bool waits(const struct ht_run_leaks *k, int fd)
{
    uint64_t run_id;
    uint32_t look;
    return pread(fd, &look, sizeof look, offsetof(struct ht_region_header, leak_look)) ==
               sizeof look &&
           look == HT_LEAK_LOOK_ASKED &&
           pread(fd, &run_id, sizeof run_id, offsetof(struct ht_region_header, run_id)) ==
               sizeof run_id &&
           run_id == k->regions->run_id;
}

static bool lives(const struct ht_region_name *name)
{
    struct ht_process_info p;
    return !ht_process_read(name->pid, &p) &&
           (!name->start_ticks || ht_same_start(p.start_ticks, name->start_ticks));
}

/* Tells each that it is not forgotten; takes the first that waits where no look is under way. */
static int see_region(void *ctx, int dir, const char *directory, const char *file, int fd,
                      const struct stat *st, const struct ht_region_name *name)
{
    struct ht_run_leaks *k = ctx;
    if (st->st_size < (off_t)HT_HEADER_SIZE || !waits(k, fd) || !lives(name))
        return 0;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int writable = open(path, O_RDWR | O_CLOEXEC);
    if (writable < 0) {
        fail(k, "a process", name->pid, strerror(errno));
        return 0;
    }
    beat(writable, ++k->beat);
    if (k->file >= 0) {
        close(writable);
        return 0;
    }
    k->file = writable;
    k->pid = name->pid;
    if (pread(writable, k->name, sizeof k->name - 1, offsetof(struct ht_region_header, name)) <= 0)
        *k->name = '\0';
    k->name[sizeof k->name - 1] = '\0';
    ht_plain_text(k->name, false);
    return 0;
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- the look -----------------------------------------------------------------------------------
 */

static void show_progress(void *ctx, const struct ht_leaks *l, uint64_t done, uint64_t all)
{
    struct ht_run_leaks *k = ctx;
    (void)l, (void)done, (void)all;
    beat(k->file, ++k->own_beat);
}

/* In a thread of its own: the tracer of what it holds. */
static void *look(void *arg)
{
    struct ht_run_leaks *k = arg;
    struct ht_remote r;
    const struct ht_leak_options o = {
        .passes = 3, .every_ns = 100000000u, .ending = true, .progress = show_progress, .ctx = k};
    k->err = ht_remote_open(&r, k->pid, k->msg, sizeof k->msg);
    if (!k->err) {
        k->err = ht_leaks_look(&r, &o, k->now, k->msg, sizeof k->msg);
        ht_remote_close(&r);
    }
    let_go(k->file);
    atomic_store(&k->done, true);
    kill(getpid(), SIGCHLD); /* wakes the thread that waits for signals */
    return NULL;
}

static void begin(struct ht_run_leaks *k)
{
    k->now = calloc(1, sizeof *k->now);
    atomic_store(&k->done, false);
    k->busy = k->now && !pthread_create(&k->thread, NULL, look, k);
    if (k->busy)
        return;
    fail(k, k->name, k->pid, "out of memory");
    let_go(k->file);
    close(k->file);
    k->file = -1;
    free(k->now);
    k->now = NULL;
}

/* --- what it found ------------------------------------------------------------------------------
 */

/* NAME.pb.gz is NAME.leaks.pb.gz here. */
static bool choose_path(const struct ht_run_leaks *k, const struct ht_run_leaky *f, char *path,
                        size_t size)
{
    static const char tail[] = ".pb.gz";
    const struct ht_region_header *h = f->l.region.view.header;
    struct ht_pattern v = ht_run_values(k->regions, h->name, h->pid);
    v.number = (uint32_t)(h->dumps + h->dump_failures);
    if (!ht_pattern_expand(path, size, k->regions->pattern, &v))
        return false;
    size_t n = strlen(path), t = sizeof tail - 1;
    if (n > t && !strcmp(path + n - t, tail))
        n -= t;
    return (size_t)snprintf(path + n, size - n, ".leaks%s", tail) < size - n &&
           ht_run_free_path(k->regions, path, size);
}

static int write_profile(struct ht_run_leaks *k, const struct ht_run_leaky *f)
{
    char path[PATH_MAX];
    if (!choose_path(k, f, path, sizeof path))
        return -ENAMETOOLONG;
    struct ht_profile *p = ht_leak_rows_leaked(&f->rows);
    int err = p ? ht_profile_write_file(p, path) : -ENOMEM;
    ht_profile_destroy(p);
    if (!err)
        fprintf(k->out, "heaptap: wrote %s: what leaked of %s (pid %u)\n", path, f->name,
                f->l.region.view.header->pid);
    else
        fprintf(k->out, "heaptap: cannot write %s: %s\n", path, strerror(-err));
    return 0;
}

static int make_rows(struct ht_run_leaky *f, bool names, char *msg, size_t msg_size)
{
    char note[512];
    struct ht_symbolize_options o = {.lines_and_inlines = true};
    ht_leak_rows_free(&f->rows);
    int err = ht_leak_rows_make(&f->l, &f->rows, msg, msg_size);
    if (!err && names && (err = ht_symbolize(f->rows.profile, &o, note, sizeof note)))
        snprintf(msg, msg_size, "%s", strerror(-err));
    return err;
}

/* Names, what is known left out, the file, and the text into the report. */
static int settle(struct ht_run_leaks *k, struct ht_run_leaky *f, char *msg, size_t msg_size)
{
    struct ht_leak_sites sites = {0};
    size_t suppressed = 0;
    int err = make_rows(f, true, msg, msg_size);
    if (!err && k->suppressions.n)
        err = ht_leaks_suppress(&f->l, &f->rows, &k->suppressions, &suppressed);
    k->suppressed += suppressed;
    if (!err && suppressed)
        err = make_rows(f, true, msg, msg_size);
    if (err || (!f->l.n_of[HT_LEAK_UNREFERENCED] && !f->l.n_of[HT_LEAK_UNREACHABLE]))
        return err;
    k->leaking++;
    struct ht_leak_rows named = f->rows;
    if (!k->names) { /* the file has addresses only */
        f->rows = (struct ht_leak_rows){0};
        err = make_rows(f, false, msg, msg_size);
    }
    if (!err)
        err = write_profile(k, f);
    if (!k->names) {
        ht_leak_rows_free(&f->rows);
        f->rows = named;
    }
    if (!err)
        err = ht_leak_sites_make(&f->l, &f->rows, &sites, msg, msg_size);
    if (!err)
        ht_leaks_text(k->out, &f->l, &sites, SHOWN);
    ht_leak_sites_free(&sites);
    return err;
}

static void settle_all(struct ht_run_leaks *k)
{
    for (size_t i = 0; i < k->n_found; i++) {
        struct ht_run_leaky *f = &k->found[i];
        char msg[512] = "";
        int err = settle(k, f, msg, sizeof msg);
        if (err)
            fail(k, f->name, (pid_t)f->l.region.view.header->pid, *msg ? msg : strerror(-err));
        ht_leak_rows_free(&f->rows);
        ht_leaks_free(&f->l);
    }
    free(k->found);
    k->found = NULL;
    k->n_found = 0;
}

/* Takes the result of the look that has ended. */
static void take(struct ht_run_leaks *k)
{
    pthread_join(k->thread, NULL);
    k->busy = false;
    struct ht_leaks *l = k->now;
    bool leaked = !k->err && (l->n_of[HT_LEAK_UNREFERENCED] || l->n_of[HT_LEAK_UNREACHABLE]);
    struct ht_run_leaky *f =
        leaked ? ht_run_append(&k->found, &k->n_found, sizeof *k->found) : NULL;
    if (k->err || (leaked && !f))
        fail(k, k->name, k->pid, k->err ? k->msg : "out of memory");
    else
        k->looked++;
    if (f) {
        f->l = *l;
        memcpy(f->name, k->name, sizeof f->name);
    } else {
        ht_leaks_free(l);
    }
    free(l);
    close(k->file);
    k->file = -1;
    k->now = NULL;
    if (k->n_found >= KEPT_MAX)
        settle_all(k);
}

/* --- from outside -------------------------------------------------------------------------------
 */

void ht_run_leaks_step(struct ht_run_leaks *k)
{
    if (k->busy && atomic_load(&k->done))
        take(k);
    uint64_t now = now_ns();
    if (k->busy && now - k->beat_ns < BEAT_NS)
        return;
    k->beat_ns = now;
    ht_region_directory_walk(see_region, k);
    if (!k->busy && k->file >= 0)
        begin(k);
}

bool ht_run_leaks_busy(const struct ht_run_leaks *k)
{
    return k->busy;
}

void ht_run_leaks_drain(struct ht_run_leaks *k)
{
    for (ht_run_leaks_step(k); k->busy; ht_run_leaks_step(k))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

void ht_run_leaks_report(struct ht_run_leaks *k)
{
    settle_all(k);
    fflush(k->out);
    if (k->report)
        fwrite(k->report, 1, k->report_size, stderr);
    if (k->suppressed)
        ht_complain(0, "%zu leaked block%s suppressed", k->suppressed,
                    k->suppressed == 1 ? " is" : "s are");
    if (k->failures) {
        char more[40] = "";
        if (k->failures > 1)
            snprintf(more, sizeof more, " (and %zu more)", k->failures - 1);
        ht_complain(0, "%s%s", k->failure, more);
    }
    if (!k->looked && !k->failures)
        ht_complain(0,
                    "no process was looked at for leaks: it ended by a signal or under a seccomp "
                    "filter, left no sample, or its region is not to be seen from here");
    else if (!k->leaking && k->looked && !k->quiet)
        ht_complain(0, "no leak was found in %zu process%s", k->looked, k->looked == 1 ? "" : "es");
}

void ht_run_leaks_finish(struct ht_run_leaks *k)
{
    if (k->out)
        fclose(k->out);
    free(k->report);
    ht_suppressions_finish(&k->suppressions);
}

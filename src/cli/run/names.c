/* SPDX-License-Identifier: MIT */
/*
 * After the run, profiles get their names one by one, and are written back under a temporary name.
 * SIGINT and similar signals end the naming, not the run's result: profiles without names keep
 * their addresses.
 */
#include "config.h"

#include "cli/run/names.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/run/groups.h"
#include "cli/words.h"
#include "profile/profile.h"
#include "symbolize/symbolize.h"

static volatile sig_atomic_t stopped;

static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
#define N_ENDING (sizeof ending / sizeof *ending)

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

/* The first signal ends the naming, a second one the command: SA_RESETHAND. Signals that were
 * ignored at the start stay ignored. */
static void listen(struct sigaction before[N_ENDING])
{
    struct sigaction mine = {.sa_handler = stop, .sa_flags = (int)SA_RESETHAND};
    for (size_t i = 0; i < N_ENDING; i++)
        if (!sigaction(ending[i], NULL, &before[i]) && before[i].sa_handler != SIG_IGN)
            sigaction(ending[i], &mine, NULL);
}

static void listen_no_more(const struct sigaction before[N_ENDING])
{
    for (size_t i = 0; i < N_ENDING; i++)
        sigaction(ending[i], &before[i], NULL);
}

static uint64_t comment_figure(const struct ht_profile *p, const char *what)
{
    for (size_t i = 0; i < p->n_comments; i++)
        if (!strncmp(p->comments[i], what, strlen(what)))
            return strtoull(p->comments[i] + strlen(what), NULL, 10);
    return 0;
}

static void read_figures(struct ht_run_profile *to, const struct ht_profile *p)
{
    if (to->figures)
        return;
    to->samples = comment_figure(p, "samples: ");
    to->truncated = comment_figure(p, "truncated stacks: ");
    to->rate = (uint64_t)p->period;
    to->figures = true;
}

/* Atomic: a signal that ends this process leaves the old file or the new one, and no temporary. */
static int write_back(const struct ht_profile *p, const char *path)
{
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    int err = ht_profile_write_file(p, path);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return err;
}

/* The process may have given the file fewer rights than it gets with names. */
static void set_mode(const char *path)
{
    struct stat st;
    mode_t mask = umask(0);
    umask(mask);
    if (!lstat(path, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_nlink == 1 &&
        (st.st_mode & 0777) != (0666 & ~mask))
        chmod(path, 0666 & ~mask);
}

/* Reads a profile, names it and, when asked, writes it back. NULL when it cannot be read. */
static struct ht_profile *name_file(const char *path, bool write, bool progress, size_t *unnamed)
{
    int err;
    char msg[512];
    set_mode(path);
    struct ht_profile *p = ht_profile_read_file(path, &err, msg, sizeof msg);
    if (!p) {
        ht_complain(0, "%s", msg);
        return NULL;
    }
    struct ht_symbolize_options o = {
        .lines_and_inlines = true, .progress = progress ? stderr : NULL, .stop = &stopped};
    err = ht_symbolize(p, &o, msg, sizeof msg);
    if (err == -EINTR)
        *unnamed += write;
    else if (!err && write && (err = write_back(p, path)))
        ht_complain(0, "cannot write %s with names: %s; it has addresses only", path,
                    strerror(-err));
    return p;
}

/* The part that is a forked child's own, in place of the whole. */
static struct ht_profile *own_part(const struct ht_run_profile *of, struct ht_profile *whole)
{
    int err;
    char msg[512];
    struct ht_symbolize_options o = {.lines_and_inlines = true, .stop = &stopped};
    struct ht_profile *p =
        of->own ? ht_profile_decode(of->own, of->own_size, &err, msg, sizeof msg) : NULL;
    if (!p)
        return whole;
    ht_symbolize(p, &o, msg, sizeof msg);
    ht_profile_destroy(whole);
    return p;
}

/* Adds it to its group, or leaves it its own file where it could not be read. */
static void add_to_group(struct ht_run_regions *r, struct ht_run_profile *of,
                         struct ht_profile *part)
{
    if (part) {
        ht_run_groups_add(r, of, part);
        return;
    }
    r->groups[of->group - 1].n--;
    of->group = 0;
}

/* Writes the groups' files. Returns how many profiles have addresses only because it was stopped.
 */
static size_t write_groups(struct ht_run_regions *r)
{
    size_t unnamed = 0;
    for (size_t i = 0; i < r->n_groups; i++) {
        struct ht_run_group *g = &r->groups[i];
        if (!g->n)
            continue;
        if (stopped) {
            unnamed += ht_run_groups_dissolve(r, g);
            continue;
        }
        struct ht_profile *p = ht_run_groups_finish(r, g);
        int error = p ? write_back(p, g->path) : 0;
        if (p && !error)
            ht_run_groups_written(r, g);
        else
            ht_complain(0, "the %zu profiles of %s stay files of their own, without names: %s%s%s",
                        g->n, g->name, p ? g->path : g->failure, p ? ": " : "",
                        p ? strerror(-error) : "");
        ht_profile_destroy(p);
        if (!p || error)
            ht_run_groups_dissolve(r, g);
    }
    return unnamed;
}

size_t ht_run_name(struct ht_run_regions *r, bool write, bool progress, struct ht_run_named *kept,
                   size_t max)
{
    struct sigaction before[N_ENDING];
    size_t n = 0, unnamed = 0;
    listen(before);
    for (size_t i = 0; i < r->n_profiles; i++) {
        struct ht_run_profile *of = &r->profiles[i];
        struct ht_profile *p = name_file(of->path, write && !of->group, progress, &unnamed);
        if (p) {
            read_figures(of, p);
            p = n < max || of->group ? own_part(of, p) : p;
        }
        if (of->group)
            add_to_group(r, of, p);
        if (p && n < max)
            kept[n++] = (struct ht_run_named){p, of};
        else
            ht_profile_destroy(p);
    }
    unnamed += write_groups(r);
    for (size_t i = 0; write && i < r->n_profiles; i++)
        for (size_t k = 0; k < r->profiles[i].n_numbered; k++)
            ht_profile_destroy(name_file(r->profiles[i].numbered[k], true, progress, &unnamed));
    listen_no_more(before);
    if (unnamed)
        fprintf(stderr,
                "heaptap: stopped: %zu profile%s addresses only; 'heaptap symbolize FILE -o FILE' "
                "names one\n",
                unnamed, unnamed == 1 ? " has" : "s have");
    return n;
}

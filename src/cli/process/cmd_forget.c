/* SPDX-License-Identifier: MIT */
/*
 * heaptap forget: discards what dead processes left. Only regions of this user are removed, and
 * only those that no process has mapped: the lock that a mapping holds decides (ht_list_remove).
 */
#include "config.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/process/figures.h"
#include "cli/words.h"
#include "snapshot/directory.h"
#include "snapshot/list.h"
#include "snapshot/process.h"
#include "snapshot/region.h"
#include "util/utf8.h"

static const char usage[] =
    "usage: heaptap forget [-q] PID|NAME|REGION...\n\n"
    "Discards what dead processes left: their regions, with the profiles that were not written.\n"
    "A PID is that of a dead process, NAME its program's (of all dead ones of that name), REGION "
    "the\n"
    "path of its region. heaptap ps lists them. Nothing of a living process is discarded, and\n"
    "nothing of another user's.\n\n"
    "  -q, --quiet   say nothing but errors\n";

/* A region that was made a moment ago is not mapped yet. */
#define BEING_MADE 60 /* seconds */

static bool is_of_living(const struct ht_listed *e)
{
    const char *base = strrchr(e->path, '/');
    struct ht_region_name name;
    struct ht_process_info p;
    struct stat st;
    if (!base || !ht_region_name_parse(base + 1, &name))
        return true;
    if (*e->damage && !e->other_version && !stat(e->path, &st) &&
        st.st_mtime + BEING_MADE > time(NULL))
        return true;
    return name.start_ticks && !ht_process_read(name.pid, &p) &&
           ht_same_start(p.start_ticks, name.start_ticks);
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat x, y;
    return *b && !stat(a, &x) && !lstat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static bool is_meant(const struct ht_listed *e, const char *word)
{
    pid_t pid;
    if (ht_region_is_pid(word, &pid))
        return e->pid == pid;
    return strchr(word, '/') ? is_same_file(word, e->path) : !strcmp(word, e->name);
}

static void say_forgotten(const struct ht_listed *e)
{
    char inuse[16], name[sizeof e->name] = "a process";
    if (*e->name)
        memcpy(name, e->name, sizeof name);
    ht_figure_bytes((double)e->inuse_bytes, inuse, sizeof inuse);
    if (*e->damage)
        ht_complain(0, "forgot %s (pid %d): its region could not be read", name, (int)e->pid);
    else if (e->dumped)
        ht_complain(0, "forgot %s (pid %d): its profile is in %s", name, (int)e->pid, e->last_dump);
    else
        ht_complain(0, "forgot %s (pid %d): %llu sample%s, %s in use at the last one", name,
                    (int)e->pid, (unsigned long long)e->samples, e->samples == 1 ? "" : "s", inuse);
}

/* 0, or 1 with a line. */
static int forget(struct ht_listed *e, bool quiet)
{
    struct passwd *owner;
    if (e->alive || !*e->path || is_of_living(e))
        return ht_complain(1, "%s (pid %d) is alive: its region stays", *e->name ? e->name : "it",
                           (int)e->pid);
    if (e->uid != geteuid()) {
        owner = getpwuid(e->uid);
        return ht_complain(1, "the region of %s (pid %d) stays: it is another user's (%s)",
                           *e->name ? e->name : "a process", (int)e->pid,
                           owner ? owner->pw_name : "without a name");
    }
    int err = ht_list_remove(e->path);
    if (err)
        return ht_complain(1, "the region %s stays: %s", e->path,
                           err == -EBUSY ? "a process has it mapped" : strerror(-err));
    e->path[0] = '\0';
    if (!quiet)
        say_forgotten(e);
    return 0;
}

/* Of all that are meant; the living ones count only when no dead one is. */
static int forget_all(struct ht_listed *list, size_t n, const char *word, bool quiet)
{
    int status = 0;
    size_t dead = 0;
    const struct ht_listed *living = NULL;
    for (size_t i = 0; i < n; i++) {
        struct ht_listed *e = &list[i];
        if (!is_meant(e, word))
            continue;
        if (e->alive) {
            living = e;
        } else if (*e->path) {
            dead++;
            status |= forget(e, quiet);
        }
    }
    if (dead)
        return status;
    if (living)
        return ht_complain(1, "%s (pid %d) is alive: its region stays", living->name,
                           (int)living->pid);
    return ht_complain(1, "%s: no dead process of that %s left a region (heaptap ps lists them)",
                       word,
                       strchr(word, '/')                            ? "path"
                       : strspn(word, "0123456789") == strlen(word) ? "PID"
                                                                    : "name");
}

int ht_cmd_forget(int argc, char **argv)
{
    bool quiet = false;
    const struct ht_word_option options[] = {{"quiet", 'q', .flag = &quiet}, {NULL}};
    struct ht_words rest = {0};
    struct ht_listed *list = NULL;
    size_t n = 0;
    int status = ht_words_read(argc, argv, options, usage, &rest), err;
    if (status < 0 && !rest.n)
        status = ht_complain(2, "forget takes a PID, a name or a region (heaptap ps lists them)");
    /* A region that cannot be read has an empty name. */
    for (size_t i = 0; status < 0 && i < rest.n; i++)
        if (!*rest.word[i])
            status = ht_complain(2, "an empty word names no process (heaptap ps lists them)");
    if (status < 0 && (err = ht_list(&list, &n)))
        status = ht_complain(1, "cannot list the profiled processes: %s", strerror(-err));
    if (status < 0) {
        status = 0;
        for (size_t i = 0; i < rest.n; i++)
            status |= forget_all(list, n, rest.word[i], quiet);
    }
    free(list);
    ht_words_finish(&rest);
    return status;
}

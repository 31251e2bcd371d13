/* SPDX-License-Identifier: MIT */
/*
 * Reads the marks beside the regions, stores what each says, and removes those of processes that
 * have ended.
 */
#include "config.h"

#include "cli/run/marks.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/run/finish.h"
#include "snapshot/directory.h"
#include "snapshot/process.h"

struct mark {
    uint64_t run_id, pid_namespace;
    char state; /* p: its samples are in its own memory, w: written, f: not */
    int err;
    char *name, *path;
};

/* Splits the text in place. */
static bool parse(char *text, struct mark *m)
{
    char *field[7], *at = text;
    for (int i = 0; i < 7; i++) {
        field[i] = at;
        at = i < 6 && at ? strchr(at, ':') : NULL;
        if (at)
            *at++ = 0;
        else if (i < 6)
            return false;
    }
    *m = (struct mark){strtoull(field[1], NULL, 10),
                       strtoull(field[2], NULL, 10),
                       field[3][0],
                       (int)strtol(field[4], NULL, 10),
                       field[5],
                       field[6]};
    return !strcmp(field[0], "heaptap");
}

static bool is_alive(const struct ht_run_regions *r, const struct mark *m,
                     const struct ht_region_name *name)
{
    struct ht_process_info p;
    for (size_t i = 0; i < r->n_strays; i++)
        if (r->strays[i].seen && r->strays[i].own_pid == name->pid && r->strays[i].address &&
            (!name->start_ticks || ht_same_start(r->strays[i].start_ticks, name->start_ticks)))
            return true;
    if (ht_run_is_foreign(r, m->pid_namespace))
        return false;
    return !ht_process_read(name->pid, &p) &&
           (!name->start_ticks || ht_same_start(p.start_ticks, name->start_ticks));
}

static void take_down(struct ht_run_regions *r, const struct mark *m, uint32_t pid)
{
    struct ht_run_profile *p;
    if (m->state != 'w') {
        char path[4096];
        struct ht_pattern v = ht_run_values(r, m->name, pid);
        if (!ht_pattern_expand(path, sizeof path, r->pattern, &v))
            snprintf(path, sizeof path, "%s", r->pattern);
        ht_run_lose(r, m->name, pid, ht_run_is_foreign(r, m->pid_namespace),
                    m->state == 'f' ? -m->err : 0, path);
    } else if (!access(m->path, F_OK) &&
               (p = ht_run_append(&r->profiles, &r->n_profiles, sizeof *p))) {
        if (!(p->path = strdup(m->path))) {
            r->n_profiles--;
            return;
        }
        snprintf(p->name, sizeof p->name, "%s", m->name);
        p->pid = pid;
        p->foreign = ht_run_is_foreign(r, m->pid_namespace);
    }
}

static void note(struct ht_run_regions *r, uint32_t pid)
{
    for (size_t i = 0; i < r->n_marks; i++)
        if (r->marks[i].pid == pid)
            return;
    struct ht_run_mark *m = ht_run_append(&r->marks, &r->n_marks, sizeof *m);
    if (m)
        m->pid = pid;
}

struct walk {
    struct ht_run_regions *r;
    bool last;
};

static int look_at(void *ctx, int dir, const char *file, const char *text, const struct stat *st,
                   const struct ht_region_name *name)
{
    struct walk *w = ctx;
    struct ht_run_regions *r = w->r;
    char copy[4096];
    struct mark m;
    snprintf(copy, sizeof copy, "%s", text);
    if (!parse(copy, &m) || m.run_id != r->run_id)
        return 0;
    bool alive = is_alive(r, &m, name);
    /* A process in a pid namespace that is not visible here counts as ended when the run has
     * ended. */
    bool foreign = ht_run_is_foreign(r, m.pid_namespace);
    note(r, (uint32_t)name->pid);
    if (alive || (foreign && !w->last))
        return 0;
    /* The files that another user's process names are not trusted. */
    if (m.state == 'w' && st->st_uid != geteuid())
        m.state = 0;
    if (m.state)
        take_down(r, &m, (uint32_t)name->pid);
    unlinkat(dir, file, 0);
    return 0;
}

void ht_run_marks_collect(struct ht_run_regions *r, bool last)
{
    struct walk w = {r, last};
    ht_region_directory_walk_marks(look_at, &w);
}

void ht_run_marks_finish(struct ht_run_regions *r)
{
    free(r->marks);
}

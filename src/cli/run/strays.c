/* SPDX-License-Identifier: MIT */
/*
 * Searches /proc for processes of the run, and stores what their regions' headers say. A region
 * that can be reached only through its process is kept open.
 */
#include "config.h"

#include "cli/run/strays.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/run/finish.h"
#include "cli/run/marks.h"
#include "snapshot/copy.h"
#include "snapshot/process.h"
#include "snapshot/region.h"
#include "snapshot/waiting.h"

#define FIRST_LOOKS 5 /* during the first two seconds */

static uint64_t now_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The header of the region that a process has mapped: its own, or its parent's. */
static bool read_header(const struct ht_process_info *p, uint64_t address,
                        struct ht_region_header *h)
{
    int memory = ht_process_memory(p->thread);
    bool ok = memory >= 0 && !ht_read_at(memory, h, sizeof *h, address) &&
              h->magic == HT_REGION_MAGIC && h->version == HT_LAYOUT_VERSION;
    if (memory >= 0)
        close(memory);
    if (ok) { /* as the process wrote it */
        h->name[sizeof h->name - 1] = 0;
        h->output[sizeof h->output - 1] = 0;
    }
    return ok;
}

static struct ht_run_stray *known(struct ht_run_regions *r, const struct ht_process_info *p,
                                  const struct ht_process_map *map)
{
    for (size_t i = 0; i < r->n_strays; i++) {
        struct ht_run_stray *s = &r->strays[i];
        if (s->pid == p->pid && s->start_ticks == p->start_ticks && s->address == map->address &&
            s->inode == map->inode)
            return s;
    }
    return NULL;
}

static void look_at(struct ht_run_regions *r, ht_run_walked_fn walked, pid_t pid)
{
    struct ht_process_info p;
    struct ht_process_map map;
    struct ht_region_header h;
    if (ht_process_read(pid, &p) || p.start_ticks + 1 < r->start_ticks ||
        (geteuid() && p.uid != geteuid()) || ht_process_find(&p, &map))
        return;
    struct ht_run_stray *s = known(r, &p, &map);
    if (s) {
        s->seen = true;
        return;
    }
    struct ht_waiting waiting;
    uint64_t address = map.address ? map.address : map.inherited;
    if (ht_waiting_read(&p, &map, &waiting)) { /* its region comes with its first sample */
        h.run_id = waiting.run_id;
        memcpy(h.name, waiting.name, sizeof h.name);
    } else if (!address || !read_header(&p, address, &h)) {
        return;
    }
    if (h.run_id != r->run_id)
        return;
    s = ht_run_append(&r->strays, &r->n_strays, sizeof *s);
    if (!s)
        return;
    s->seen = true;
    s->pid = p.pid;
    s->own_pid = p.own_pid;
    s->uid = p.uid;
    s->start_ticks = p.start_ticks;
    s->address = map.address;
    s->device = map.device;
    s->inode = map.inode;
    s->file = -1;
    memcpy(s->name, h.name, sizeof s->name);
    snprintf(s->path, sizeof s->path, "%s", map.path);
    if (map.address && map.inode && !walked(r, map.device, map.inode))
        s->file = ht_process_region_file(&p, &map);
}

/* A region that was made between the walk over the directories and this search is in both; the
 * walk's counts. */
static void leave_to_the_walk(struct ht_run_regions *r, ht_run_walked_fn walked)
{
    for (size_t i = 0; i < r->n_strays; i++) {
        struct ht_run_stray *s = &r->strays[i];
        if (s->file >= 0 && walked(r, s->device, s->inode)) {
            close(s->file);
            s->file = -1;
        }
    }
}

void ht_run_strays_look(struct ht_run_regions *r, ht_run_walked_fn walked, bool last)
{
    uint64_t began = now_ns(CLOCK_MONOTONIC), used = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    leave_to_the_walk(r, walked);
    if (!last && began < r->next_look)
        return;
    for (size_t i = 0; i < r->n_strays; i++)
        r->strays[i].seen = false;
    DIR *d = opendir("/proc");
    struct dirent *e;
    while (d && (e = readdir(d)))
        if (isdigit((unsigned char)e->d_name[0]) && atol(e->d_name) != getpid())
            look_at(r, walked, (pid_t)atol(e->d_name));
    if (d)
        closedir(d);
    if (++r->looks >
        FIRST_LOOKS) /* processor time: a busy machine is no reason to look less often */
        r->next_look = began + 50 * (now_ns(CLOCK_PROCESS_CPUTIME_ID) - used);
}

const struct ht_run_stray *ht_run_strays_find(const struct ht_run_regions *r, uint64_t device,
                                              uint64_t inode)
{
    for (size_t i = 0; i < r->n_strays; i++)
        if (r->strays[i].seen && r->strays[i].address && r->strays[i].inode == inode &&
            r->strays[i].device == device)
            return &r->strays[i];
    return NULL;
}

static void finish_stray(struct ht_run_regions *r, struct ht_run_stray *s)
{
    struct ht_region region;
    char msg[512];
    if (s->file < 0)
        return;
    if (ht_region_open_fd(&region, s->file, s->path, ~0u, msg, sizeof msg))
        ht_run_fail(r, msg);
    else
        ht_run_finish_region(r, &region.view, s->uid != geteuid(), true);
    ht_region_close(&region);
}

/* For a process that had its region in its own memory, and may have written its profile. */
static void look_for_file(struct ht_run_regions *r, const struct ht_run_stray *s)
{
    for (size_t i = 0; i < r->n_marks; i++)
        if ((pid_t)r->marks[i].pid == s->own_pid)
            return; /* its mark says more */
    if (ht_run_regions_add_file(r, r->pattern, s->name, s->own_pid))
        r->profiles[r->n_profiles - 1].foreign = s->own_pid != s->pid;
    else
        ht_run_lose(r, s->name, (uint32_t)s->own_pid, s->own_pid != s->pid, 0, NULL);
}

void ht_run_strays_collect(struct ht_run_regions *r, ht_run_walked_fn walked)
{
    leave_to_the_walk(r, walked);
    for (size_t i = 0; i < r->n_strays; i++) {
        struct ht_run_stray *s = &r->strays[i];
        bool other_mounts = s->address && s->inode && s->file >= 0;
        bool private = s->address && !s->inode;
        if (s->seen && other_mounts) /* the process removes its region itself (regions.c) */
            fchmod(s->file, HT_REGION_LEFT_MODE | 0600);
        if (s->seen && (other_mounts || private || !s->address))
            ht_run_list_living(r, s->name, (uint32_t)s->pid, (uint32_t)s->own_pid, s->uid);
        else if (!s->seen && other_mounts)
            finish_stray(r, s);
        else if (!s->seen && private)
            look_for_file(r, s);
    }
}

void ht_run_strays_finish(struct ht_run_regions *r)
{
    for (size_t i = 0; i < r->n_strays; i++)
        if (r->strays[i].file >= 0)
            close(r->strays[i].file);
    free(r->strays);
}

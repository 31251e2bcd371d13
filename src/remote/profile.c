/* SPDX-License-Identifier: MIT */
/*
 * Threads as a pprof profile, like Go's goroutine profile: one sample type, threads/count, which is
 * also the period's, with period 1. One sample for each thread; equal ones are added up at the end.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "profile/idmap.h"
#include "profile/ops.h"
#include "profile/profile.h"
#include "region/labels.h"
#include "remote/remote.h"

struct builder {
    struct ht_remote *r;
    struct ht_profile *p;
    struct ht_idmap by_address; /* address + 1 to location */
};

static struct ht_mapping *mapping_of(struct builder *b, uint64_t at)
{
    const struct ht_remote_module *m = ht_remote_module_at(b->r, at);
    for (unsigned i = 0; m && i < m->n_segments; i++) {
        if (at < m->segments[i].start || at >= m->segments[i].limit)
            continue;
        for (size_t k = 0; k < b->p->n_mappings; k++)
            if (b->p->mappings[k]->start == m->segments[i].start)
                return b->p->mappings[k];
        struct ht_mapping *map = ht_profile_add_mapping(b->p);
        if (!map)
            return NULL;
        map->start = m->segments[i].start;
        map->limit = m->segments[i].limit;
        map->offset = m->segments[i].offset;
        map->file = ht_profile_str(b->p, strcmp(m->path, b->r->exe) != 0 ? m->path : b->r->program);
        map->build_id = ht_profile_str(b->p, m->build_id);
        return map;
    }
    return NULL;
}

/* Readers take the first mapping for the program's own. */
static void map_main(struct builder *b)
{
    for (size_t i = 0; i < b->r->n_maps; i++) {
        const struct ht_remote_map *m = &b->r->maps[i];
        if (m->executable && *b->r->exe && !strncmp(m->name, b->r->exe, strlen(b->r->exe))) {
            mapping_of(b, m->start);
            return;
        }
    }
}

static struct ht_location *location_of(struct builder *b, uint64_t at)
{
    struct ht_location *l = ht_idmap_get(&b->by_address, at + 1);
    if (l)
        return l;
    l = ht_profile_add_location(b->p);
    if (l) {
        l->address = at;
        l->mapping = mapping_of(b, at);
        if (!ht_idmap_put(&b->by_address, at + 1, l))
            return NULL;
    }
    return l;
}

const char *ht_thread_state(const struct ht_remote_thread *t)
{
    switch (t->state) {
    case 'R':
        return t->depth && !t->stopped ? "blocked" : "running";
    case 'S':
    case 'I':
        return "blocked";
    case 'D':
        return "uninterruptible";
    case 'T':
    case 't':
        return "stopped";
    default:
        return "ended";
    }
}

static void set_label(struct ht_profile *p, struct ht_label *l, const char *key, const char *value)
{
    l->key = ht_profile_str(p, key);
    l->str = ht_profile_str(p, value);
    l->num_unit = ht_profile_str(p, "");
}

static int add_sample(struct builder *b, const struct ht_remote_thread *t, bool each)
{
    char name[sizeof t->name], number[32];
    const char *call = t->call >= 0 ? ht_syscall_name(t->call) : NULL;
    bool waits = call || t->call >= 0 || *t->wchan;
    unsigned n_labels = 2 + waits + each;
    struct ht_sample *s = ht_profile_add_sample(b->p, t->depth, n_labels);
    if (!s)
        return -ENOMEM;
    s->values[0] = 1;
    for (unsigned i = 0; i < t->depth; i++)
        if (!(s->locations[i] = location_of(b, t->frames[i])))
            return -ENOMEM;
    ht_thread_fold_name(t->name, name, sizeof name);
    set_label(b->p, &s->labels[0], "thread", each ? t->name : name);
    set_label(b->p, &s->labels[1], "state", ht_thread_state(t));
    if (waits) {
        snprintf(number, sizeof number, "%lld", (long long)t->call);
        set_label(b->p, &s->labels[2], t->call >= 0 ? "syscall" : "wchan",
                  call           ? call
                  : t->call >= 0 ? number
                                 : t->wchan);
    }
    if (each) {
        struct ht_label *l = &s->labels[n_labels - 1];
        l->key = ht_profile_str(b->p, "tid");
        l->num = t->tid;
        l->num_unit = ht_profile_str(b->p, "id");
    }
    return 0;
}

struct ht_profile *ht_remote_threads_profile(struct ht_remote *r, const struct ht_remote_threads *t,
                                             bool each)
{
    struct builder b = {.r = r, .p = ht_profile_create()};
    size_t frames = 0, truncated = 0;
    struct timespec now;
    char comment[128], msg[256];
    int err = b.p ? ht_profile_add_sample_type(b.p, "threads", "count") : -ENOMEM;
    for (size_t i = 0; i < t->n; i++) {
        frames += t->thread[i].depth;
        truncated += t->thread[i].truncated;
    }
    if (!err)
        err = ht_idmap_init(&b.by_address, frames);
    if (err) {
        ht_profile_destroy(b.p);
        return NULL;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    b.p->time_nanos = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    b.p->period_type.type = ht_profile_str(b.p, "threads");
    b.p->period_type.unit = ht_profile_str(b.p, "count");
    b.p->period = 1;
    map_main(&b);
    for (size_t i = 0; !err && i < t->n; i++)
        err = add_sample(&b, &t->thread[i], each);
    snprintf(comment, sizeof comment, "pid: %d", (int)r->pid);
    if (!err)
        err = ht_profile_add_comment(b.p, comment);
    snprintf(comment, sizeof comment, "threads: %zu, %zu running, %zu stacks truncated", t->n,
             t->n_running, truncated);
    if (!err)
        err = ht_profile_add_comment(b.p, comment);
    ht_idmap_finish(&b.by_address);
    if (!err && !each) {
        struct ht_profile *p = ht_profile_compact(b.p, &err, msg, sizeof msg);
        if (p != b.p)
            ht_profile_destroy(b.p);
        return p;
    }
    if (err) {
        ht_profile_destroy(b.p);
        return NULL;
    }
    return b.p;
}

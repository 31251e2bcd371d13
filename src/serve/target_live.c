/* SPDX-License-Identifier: MIT */
/* Profiles of processes, read from their regions at every request. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/profile.h"
#include "serve/target.h"
#include "snapshot/found.h"
#include "snapshot/list.h"
#include "snapshot/region.h"

struct live {
    char *const *words; /* PIDs; none: all this user's */
    size_t n_words;
    struct ht_finds *found;
};

static bool is_named(const struct live *live, const char *id)
{
    for (size_t i = 0; i < live->n_words; i++)
        if (!strcmp(live->words[i], id))
            return true;
    return !live->n_words;
}

/* Of several regions with one pid (after exec, or when the pid was reused) the living one
 * counts, otherwise the youngest; the list has living ones first, then by start. */
static int by_pid(const void *a, const void *b)
{
    const struct ht_listed *x = *(const struct ht_listed *const *)a,
                           *y = *(const struct ht_listed *const *)b;
    if (x->pid != y->pid)
        return x->pid < y->pid ? -1 : 1;
    if (x->alive != y->alive)
        return x->alive ? -1 : 1;
    return (x < y) - (x > y);
}

/* Marks in `outdone` those of the list that another one of their pid counts instead of. */
static int find_outdone(const struct ht_listed *list, size_t n, bool *outdone)
{
    const struct ht_listed **sorted = calloc(n + 1, sizeof *sorted);
    if (!sorted)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        sorted[i] = &list[i];
    qsort(sorted, n, sizeof *sorted, by_pid);
    for (size_t i = 1; i < n; i++)
        outdone[sorted[i] - list] = sorted[i]->pid == sorted[i - 1]->pid;
    free(sorted);
    return 0;
}

static bool fill(struct ht_target *t, const struct ht_listed *e)
{
    snprintf(t->id, sizeof t->id, "%d", (int)e->pid);
    t->pid = e->pid;
    t->started = e->start_wall_ns;
    t->alive = e->alive;
    t->name = strdup(*e->name ? e->name : t->id);
    t->command = strdup(e->command_line);
    if (*e->damage)
        t->damage = strdup(e->damage);
    t->stats = (struct ht_target_stats){e->inuse_bytes,
                                        e->inuse_objects,
                                        e->alloc_bytes,
                                        e->alloc_objects,
                                        (int64_t)e->samples,
                                        (int64_t)e->lost,
                                        (int64_t)e->rate,
                                        e->resident ? (int64_t)e->resident : -1,
                                        e->threads ? (int64_t)e->threads : -1};
    return t->name && t->command;
}

static int list_of(const struct live *live, bool clean, struct ht_target **targets, size_t *n)
{
    size_t n_all, kept = 0;
    struct ht_listed *all;
    int err = ht_list_figures(live->found, &all, &n_all);
    if (err)
        return err;
    /* Removes old regions as ps does, so that they do not pile up under a server that runs for
     * months. */
    if (clean)
        ht_list_clean(all, n_all);
    struct ht_target *t = calloc(n_all + 1, sizeof *t);
    bool *outdone = calloc(n_all + 1, sizeof *outdone);
    err = t && outdone ? find_outdone(all, n_all, outdone) : -ENOMEM;
    for (size_t i = 0; !err && i < n_all; i++) {
        /* A dead process without a sample, or whose profile is written, is not listed. */
        char id[32];

        snprintf(id, sizeof id, "%d", (int)all[i].pid);
        if (!is_named(live, id) || outdone[i] ||
            (!all[i].alive && (!all[i].samples || all[i].dumped || !*all[i].path)))
            continue;
        if (!fill(&t[kept++], &all[i]))
            err = -ENOMEM;
    }
    free(all);
    free(outdone);
    if (err) {
        ht_targets_free(t, kept);
        return err;
    }
    *targets = t;
    *n = kept;
    return 0;
}

static int list(void *ctx, struct ht_target **targets, size_t *n)
{
    return list_of(ctx, true, targets, n);
}

static int glance(void *ctx, struct ht_target **targets, size_t *n)
{
    return list_of(ctx, false, targets, n);
}

static int open_target(const struct live *live, const char *id, struct ht_region *r, char *msg,
                       size_t msg_size)
{
    pid_t pid;
    if (is_named(live, id) && ht_region_is_pid(id, &pid))
        return ht_region_open_to_read(r, id, msg, msg_size);
    snprintf(msg, msg_size, "no profiled process %s here", id);
    return -ENOENT;
}

static struct ht_profile *of_ages(void *ctx, const char *id, const struct ht_region_ages *ages,
                                  pid_t *pid, int *err, char *msg, size_t msg_size)
{
    struct ht_region r;
    *err = open_target(ctx, id, &r, msg, msg_size);
    if (*err)
        return NULL;
    *pid = r.alive ? r.pid : 0;
    struct ht_profile *p = ht_region_profile(&r, ages, err, msg, msg_size);
    ht_region_close(&r);
    return p;
}

static struct ht_profile *profile(void *ctx, const char *id, pid_t *pid, int *err, char *msg,
                                  size_t msg_size)
{
    return of_ages(ctx, id, NULL, pid, err, msg, msg_size);
}

static struct ht_profile *aged(void *ctx, const char *id, pid_t *pid, int *err, char *msg,
                               size_t msg_size)
{
    const struct ht_region_ages ages = {.label = true};
    return of_ages(ctx, id, &ages, pid, err, msg, msg_size);
}

static int raw(void *ctx, const char *id, void **data, size_t *size, char *msg, size_t msg_size)
{
    struct ht_region r;
    int err = open_target(ctx, id, &r, msg, msg_size);
    if (err)
        return err;
    int64_t n = ht_region_raw(&r, NULL, data, size);
    ht_region_close(&r);
    return n < 0 ? (int)n : 0;
}

static int cmdline(void *ctx, const char *id, char **words, size_t *size, char *msg,
                   size_t msg_size)
{
    struct ht_region r;
    int err = open_target(ctx, id, &r, msg, msg_size);
    if (err)
        return err;
    const struct ht_region_header *h = r.view.header;
    *size = h->command_line_size < sizeof h->command_line ? h->command_line_size
                                                          : sizeof h->command_line;
    /* As Go: between the words, not behind the last. */
    if (*size && !h->command_line[*size - 1])
        --*size;
    *words = malloc(*size + 1);
    if (*words)
        memcpy(*words, h->command_line, *size);
    ht_region_close(&r);
    return *words ? 0 : -ENOMEM;
}

int ht_source_live_init(struct ht_serve_source *s, char *const *words, size_t n)
{
    struct live *live = malloc(sizeof *live);
    if (!live)
        return -ENOMEM;
    *live = (struct live){words, n, ht_found_new()};
    if (!live->found) {
        free(live);
        return -ENOMEM;
    }
    *s = (struct ht_serve_source){live, true, list, glance, profile, aged, raw, cmdline, NULL};
    return 0;
}

void ht_source_live_finish(struct ht_serve_source *s)
{
    struct live *live = s->ctx;
    if (live)
        ht_found_free(live->found);
    free(live);
    s->ctx = NULL;
}

/* SPDX-License-Identifier: MIT */
/* Profiles of processes: read out of their regions at every request, without their help. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/profile.h"
#include "serve/target.h"
#include "snapshot/directory.h"
#include "snapshot/region.h"

struct live {
    char *const *words; /* PIDs and region files; none: all this user's */
    size_t n_words;
};

/* One region, and the word by which it is opened. */
struct found {
    struct ht_target target;
    char *word;
    uint64_t start_wall_ns;
    bool usable; /* alive, or has something to tell */
};

struct listing {
    struct found *found;
    size_t n, cap;
};

static void found_finish(struct found *f)
{
    free(f->target.name);
    free(f->target.cmdline);
    free(f->word);
}

static void listing_finish(struct listing *l)
{
    for (size_t i = 0; i < l->n; i++)
        found_finish(&l->found[i]);
    free(l->found);
}

static bool describe(struct found *f, const struct ht_region *r, const char *word)
{
    const struct ht_region_header *h = r->view.header;
    pid_t pid = r->alive && r->pid ? r->pid : (pid_t)h->pid;
    size_t size = h->command_line_size < sizeof h->command_line ? h->command_line_size
                                                                : sizeof h->command_line;

    *f = (struct found){.start_wall_ns = h->start_wall_ns};
    snprintf(f->target.id, sizeof f->target.id, "%d", (int)pid);
    f->target.pid = pid;
    f->target.alive = r->alive;
    f->usable = r->alive || atomic_load_explicit(&h->samples, memory_order_relaxed) > 0;
    f->target.name = strndup(h->name, sizeof h->name);
    f->target.cmdline = malloc(size + 1);
    f->target.cmdline_size = size;
    if (f->target.cmdline)
        memcpy(f->target.cmdline, h->command_line, size);
    /* A living process is found by its number wherever its region is; a dead one has but a file. */
    f->word = r->alive ? strdup(f->target.id) : strdup(word);
    if (f->target.name && f->target.cmdline && f->word)
        return true;
    found_finish(f);
    return false;
}

/* Of several regions of one process (it was exec'ed, or its number used again) the living one is
 * listed, else the youngest. Takes what f holds. */
static int keep(struct listing *l, struct found *f)
{
    for (size_t i = 0; i < l->n; i++) {
        struct found *old = &l->found[i];

        if (old->target.pid != f->target.pid)
            continue;
        if (f->target.alive > old->target.alive ||
            (f->target.alive == old->target.alive && f->start_wall_ns > old->start_wall_ns)) {
            struct found t = *old;

            *old = *f;
            *f = t;
        }
        found_finish(f);
        return 0;
    }
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 16;
        struct found *more = reallocarray(l->found, cap, sizeof *more);

        if (!more) {
            found_finish(f);
            return -ENOMEM;
        }
        l->found = more;
        l->cap = cap;
    }
    l->found[l->n++] = *f;
    return 0;
}

static int add_file(void *ctx, int dir, const char *directory, const char *file, int fd,
                    const struct stat *st, const struct ht_region_name *name)
{
    struct ht_region r;
    struct found f;
    char path[1300], msg[256];
    int err = 0;

    snprintf(path, sizeof path, "%s/%s", directory, file);
    if (ht_region_open_header(&r, fd, path, msg, sizeof msg))
        return 0;
    if (!describe(&f, &r, path))
        err = -ENOMEM;
    else if (f.usable)
        err = keep(ctx, &f);
    else
        found_finish(&f);
    ht_region_close(&r);
    return err;
}

static int add_word(struct listing *l, const char *word)
{
    struct ht_region r;
    struct found f;
    char msg[512];
    int err;

    /* One that has ended without leaving anything is no longer listed. */
    if (ht_region_open(&r, word, msg, sizeof msg))
        return 0;
    err = describe(&f, &r, word) ? keep(l, &f) : -ENOMEM;
    ht_region_close(&r);
    return err;
}

static int by_state_and_age(const void *a, const void *b)
{
    const struct found *x = a, *y = b;

    if (x->target.alive != y->target.alive)
        return y->target.alive - x->target.alive;
    return x->start_wall_ns < y->start_wall_ns ? -1 : x->start_wall_ns > y->start_wall_ns;
}

static int find_all(const struct live *live, struct listing *l)
{
    int err = 0;

    *l = (struct listing){0};
    for (size_t i = 0; !err && i < live->n_words; i++)
        err = add_word(l, live->words[i]);
    if (!live->n_words)
        err = ht_region_directory_walk(add_file, l);
    if (err)
        listing_finish(l);
    else if (l->n)
        qsort(l->found, l->n, sizeof *l->found, by_state_and_age);
    return err;
}

static int list(void *ctx, struct ht_target **targets, size_t *n)
{
    struct listing l;
    struct ht_target *t;
    int err = find_all(ctx, &l);

    if (err)
        return err;
    t = calloc(l.n + 1, sizeof *t);
    if (!t) {
        listing_finish(&l);
        return -ENOMEM;
    }
    for (size_t i = 0; i < l.n; i++) {
        t[i] = l.found[i].target;
        free(l.found[i].word);
    }
    free(l.found);
    *targets = t;
    *n = l.n;
    return 0;
}

static int open_target(const struct live *live, const char *id, struct ht_region *r, char *msg,
                       size_t msg_size)
{
    struct listing l;
    int err = find_all(live, &l);
    const char *word = NULL;

    if (err)
        return err;
    for (size_t i = 0; i < l.n; i++)
        if (!strcmp(l.found[i].target.id, id))
            word = l.found[i].word;
    snprintf(msg, msg_size, "process %s has ended and left nothing", id);
    err = word ? ht_region_open(r, word, msg, msg_size) : -ENOENT;
    listing_finish(&l);
    return err;
}

static struct ht_profile *profile(void *ctx, const char *id, int *err, char *msg, size_t msg_size)
{
    struct ht_region r;
    struct ht_profile *p;

    *err = open_target(ctx, id, &r, msg, msg_size);
    if (*err) {
        if (*err == -ESRCH)
            *err = -ENOENT;
        return NULL;
    }
    p = ht_region_profile(&r, NULL, err, msg, msg_size);
    ht_region_close(&r);
    return p;
}

static int64_t lost(const struct ht_region_header *h)
{
    uint64_t sum = 0;

    for (int i = HT_LOSS_FULL; i <= HT_LOSS_BUSY; i++)
        sum += atomic_load_explicit(&h->losses[i], memory_order_relaxed);
    return (int64_t)sum;
}

static int stats(void *ctx, const char *id, struct ht_target_stats *out)
{
    struct ht_cursor sites = {.kind = HT_KIND_SITE}, stacks = {.kind = HT_KIND_STACK};
    const struct ht_site *site;
    struct ht_region r;
    struct ht_values v;
    char msg[512];
    int err = open_target(ctx, id, &r, msg, sizeof msg);

    if (err)
        return err;
    *out = (struct ht_target_stats){
        .samples = (int64_t)atomic_load_explicit(&r.view.header->samples, memory_order_relaxed),
        .rate = (int64_t)atomic_load_explicit(&r.view.header->rate, memory_order_relaxed),
        .lost = lost(r.view.header)};
    while ((site = ht_view_next(&r.view, &sites))) {
        ht_site_values(site, &v);
        out->inuse_bytes += v.inuse_bytes;
        out->inuse_objects += v.inuse_objects;
        out->alloc_bytes += v.alloc_bytes;
        out->alloc_objects += v.alloc_objects;
    }
    while (ht_view_next(&r.view, &stacks))
        out->stacks++;
    ht_region_close(&r);
    return 0;
}

int ht_source_live_init(struct ht_serve_source *s, char *const *words, size_t n)
{
    struct live *live = malloc(sizeof *live);

    if (!live)
        return -ENOMEM;
    *live = (struct live){words, n};
    *s = (struct ht_serve_source){live, true, list, profile, stats};
    return 0;
}

void ht_source_live_finish(struct ht_serve_source *s)
{
    free(s->ctx);
    s->ctx = NULL;
}

/* SPDX-License-Identifier: MIT */
/*
 * Each look reads the region, adds up samples by owner and compares the owners by name
 * with the look before: what it allocated since, over the time since, is its rate.
 */
#include "config.h"

#include "cli/process/watch_sites.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "evidence/difference.h"
#include "evidence/sampling.h"
#include "owners/owners.h"
#include "profile/ops.h"
#include "snapshot/process.h"
#include "symbolize/symbolize.h"
#include "util/utf8.h"

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* NULL: out of memory */
static int by_name(const void *pa, const void *pb)
{
    const char *a = ((const struct ht_watch_site *)pa)->name;
    const char *b = ((const struct ht_watch_site *)pb)->name;
    return !a || !b ? !a - !b : strcmp(a, b);
}

/* Values of the sample type; `sampled` is 0 when there are no intervals. */
static struct ht_sampling sampling_of(struct ht_profile *p, size_t type, double *sampled)
{
    struct ht_sampling s = {0};
    char why[128];
    if (type >= p->n_sample_types || !ht_sampling_of(&s, p, type, why, sizeof why) || s.rate <= 1)
        *sampled = 0;
    return s;
}

static int add_up(struct ht_watch_site *sites, size_t n, const struct ht_owners *o,
                  struct ht_profile *p, double *sampled)
{
    const struct ht_sampling live = sampling_of(p, 3, sampled), all = sampling_of(p, 1, sampled);
    for (size_t i = 0; i < n; i++) {
        sites[i].name = strdup(o->list[i].name);
        sites[i].text = ht_owner_text(&o->list[i]);
        if (!sites[i].name || !sites[i].text)
            return -ENOMEM;
        ht_plain_text(sites[i].text, false);
    }
    for (size_t i = 0; i < p->n_samples; i++) {
        const struct ht_sample *s = &p->samples[i];
        if (o->of_sample[i] == UINT32_MAX)
            continue;
        struct ht_watch_site *site = &sites[o->of_sample[i]];
        site->allocs += s->values[0];
        site->objects += s->values[2];
        site->inuse += s->values[3];
        if (*sampled > 0) {
            const struct ht_evidence a = ht_sampling_evidence(&live, s),
                                     b = ht_sampling_evidence(&all, s);
            ht_evidence_sum(&site->evidence, &a);
            ht_evidence_sum(&site->born, &b);
        }
    }
    return 0;
}

static int collect(struct ht_profile *p, const struct ht_wrappers *list, struct ht_watch_site **out,
                   size_t *n, double *sampled)
{
    const struct ht_owners_options how = {.value = 1, .list = list};
    struct ht_owners owners;
    int err = ht_owners_find(&owners, p, &how);
    struct ht_watch_site *sites = calloc(owners.n + 1, sizeof *sites);
    *sampled = (double)p->period;
    *n = sites ? owners.n : 0;
    if (!err && !sites)
        err = -ENOMEM;
    if (!err)
        err = add_up(sites, *n, &owners, p, sampled);
    ht_owners_finish(&owners);
    if (*n)
        qsort(sites, *n, sizeof *sites, by_name);
    *out = sites;
    return err;
}

static void free_sites(struct ht_watch_site *sites, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(sites[i].name);
        free(sites[i].text);
    }
    free(sites);
}

/* One site in a thousand is marked by chance. */
#define MARKED 0.999

static bool grew(const struct ht_watch *w, const struct ht_watch_site *old,
                 const struct ht_watch_site *now)
{
    struct ht_part part = {.before = old->evidence, .after = now->evidence};
    struct ht_evidence born = {.value = now->born.value - old->born.value};
    if (!(w->sampled > 0) || now->inuse <= old->inuse)
        return false;
    ht_part_pair(&part, &born);
    const struct ht_change c = {.before = part.before,
                                .after = part.after,
                                .before_rate = w->sampled,
                                .after_rate = w->sampled};
    return ht_change_interval(&c, MARKED).low > 0;
}

/* Both lists are sorted by name. */
static void compare(struct ht_watch *w, struct ht_watch_site *now, size_t n, double elapsed)
{
    static const struct ht_watch_site nothing;
    int64_t before = w->inuse;
    w->inuse = w->objects = 0;
    w->rate = 0;
    if (w->n)
        qsort(w->sites, w->n, sizeof *w->sites, by_name);
    for (size_t i = 0, k = 0; i < n; i++) {
        int order = -1;
        while (k < w->n && (order = strcmp(w->sites[k].name, now[i].name)) < 0)
            k++;
        const struct ht_watch_site *old = k < w->n && !order ? &w->sites[k] : &nothing;
        if (elapsed > 0) {
            now[i].growth = (double)(now[i].inuse - old->inuse) / elapsed;
            now[i].rate = (double)(now[i].allocs - old->allocs) / elapsed;
            w->rate += now[i].rate;
            now[i].grew = grew(w, old, &now[i]);
        }
        w->inuse += now[i].inuse;
        w->objects += now[i].objects;
    }
    w->compared = elapsed > 0;
    w->growth = elapsed > 0 ? (double)(w->inuse - before) / elapsed : 0;
}

int ht_watch_look(struct ht_watch *w, char *msg, size_t msg_size)
{
    struct ht_region r;
    struct ht_symbolize_options o = {.lines_and_inlines = true};
    char note[512];
    int err = ht_region_open_to_read(&r, w->word, msg, msg_size);
    if (err)
        return err;
    double at = seconds();
    struct ht_profile *p =
        ht_region_names(&r, w->word, &w->ages, &o, &err, msg, msg_size, note, sizeof note);
    w->alive = r.alive;
    w->pid = r.alive ? r.pid : (pid_t)r.view.header->pid;
    w->state = r.state;
    w->resident = r.alive ? ht_process_resident(r.thread) : 0;
    snprintf(w->program, sizeof w->program, "%s", r.view.header->name);
    ht_plain_text(w->program, false);
    w->fresh = r.fresh;
    ht_region_close(&r);
    if (!p)
        return err;
    struct ht_watch_site *now = NULL;
    size_t n = 0;
    err = ht_profile_remove_uninteresting(p, msg, msg_size);
    if (!err && !w->wrappers)
        w->wrappers = ht_wrappers_create(NULL, &err, msg, msg_size);
    if (!err && (err = collect(p, w->wrappers, &now, &n, &w->sampled)))
        snprintf(msg, msg_size, "out of memory");
    ht_profile_destroy(p);
    if (err) {
        free_sites(now, n);
        return err;
    }
    compare(w, now, n, w->taken > 0 ? at - w->taken : 0);
    free_sites(w->sites, w->n);
    w->sites = now;
    w->n = n;
    w->taken = at;
    return 0;
}

static enum ht_watch_key sort_key; /* qsort has no context */

static double value(const struct ht_watch_site *s)
{
    switch (sort_key) {
    case HT_WATCH_GROWTH:
        return s->growth;
    case HT_WATCH_RATE:
        return s->rate;
    case HT_WATCH_OBJECTS:
        return (double)s->objects;
    default:
        return (double)s->inuse;
    }
}

static int by_key(const void *a, const void *b)
{
    double x = value(a), y = value(b);
    return x != y ? (x < y) - (x > y) : by_name(a, b);
}

void ht_watch_sort(struct ht_watch *w, enum ht_watch_key key)
{
    sort_key = key;
    if (w->n)
        qsort(w->sites, w->n, sizeof *w->sites, by_key);
}

void ht_watch_finish(struct ht_watch *w)
{
    free_sites(w->sites, w->n);
    ht_wrappers_destroy(w->wrappers);
    w->wrappers = NULL;
    w->sites = NULL;
    w->n = 0;
}

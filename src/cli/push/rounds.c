/* SPDX-License-Identifier: MIT */
/*
 * Of each process the last profile is kept, gzipped, and the file of its region open: with that its
 * last moments are read when it has ended and the file has no name any more.
 */
#include "config.h"

#include "cli/push/rounds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "cli/push/change.h"
#include "cli/push/item.h"
#include "profile/ops.h"
#include "snapshot/copy.h"
#include "snapshot/list.h"
#include "snapshot/region.h"

#define SECOND 1000000000

struct tracked {
    pid_t pid;
    uint64_t start_ns; /* since 1970: tells it from another of its pid, and from what it was before
                          exec */
    bool alive, ended, listed;
    bool young; /* nothing of it was sent: all it allocated is new */
    int fd;     /* of its region, -1: none */
    void *base;
    size_t base_size;
    int64_t last; /* when the last item was made, seconds since 1970; 0: never */
    char name[64], unit[128];
};

struct ht_rounds {
    struct ht_rounds_options o;
    struct tracked *list;
    size_t n, room, bases, fds, max_fds;
    uint64_t since_ns; /* what has started since then was never sent before it is met */
    char host[256];
    struct ht_rounds_counts counts;
};

bool ht_rounds_label_is_valid(const char *label)
{
    const char *equals = strchr(label, '=');
    return equals && equals[1] && ht_push_key_is_valid(label, (size_t)(equals - label));
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

struct ht_rounds *ht_rounds_create(const struct ht_rounds_options *o)
{
    struct rlimit files;
    struct ht_rounds *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->o = *o;
    r->since_ns = now_ns();
    if (gethostname(r->host, sizeof r->host - 1))
        strcpy(r->host, "unknown");
    r->max_fds = getrlimit(RLIMIT_NOFILE, &files) ? 0 : files.rlim_cur / 2;
    return r;
}

static void drop_base(struct ht_rounds *r, struct tracked *t)
{
    free(t->base);
    t->base = NULL;
    r->bases -= t->base_size;
    t->base_size = 0;
}

static void close_file(struct ht_rounds *r, struct tracked *t)
{
    if (t->fd >= 0) {
        close(t->fd);
        r->fds--;
    }
    t->fd = -1;
}

void ht_rounds_destroy(struct ht_rounds *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n; i++) {
        drop_base(r, &r->list[i]);
        close_file(r, &r->list[i]);
    }
    free(r->list);
    free(r);
}

/* The key's value among --label's; NULL: not given. */
static const char *given(const struct ht_rounds *r, const char *key)
{
    size_t k = strlen(key);
    for (size_t i = 0; i < r->o.labels->n; i++)
        if (!strncmp(r->o.labels->word[i], key, k) && r->o.labels->word[i][k] == '=')
            return r->o.labels->word[i] + k + 1;
    return NULL;
}

/* Strings of one item. */
struct texts {
    char value[HT_PUSH_LABELS + 1][256], key[HT_PUSH_LABELS][257];
};

/* "%p" as the whole value stands for the pid. */
static const char *put_value(char out[256], const char *value, pid_t pid)
{
    if (!strcmp(value, "%p"))
        snprintf(out, 256, "%d", (int)pid);
    else
        snprintf(out, 256, "%s", value);
    ht_push_plain(out);
    return out;
}

static void add_label(struct ht_push_item *item, struct texts *x, const char *key, size_t n,
                      const char *value, pid_t pid)
{
    if (item->n_labels == HT_PUSH_LABELS || !*value)
        return;
    size_t i = item->n_labels++;
    snprintf(x->key[i], sizeof x->key[i], "%.*s", (int)n, key);
    item->labels[i] = (struct ht_push_label){x->key[i], put_value(x->value[i], value, pid)};
}

static void put_labels(const struct ht_rounds *r, const struct tracked *t,
                       struct ht_push_item *item, struct texts *x)
{
    /* A unit has a dot, a container's id has none. */
    const char *unit = strchr(t->unit, '.') ? t->unit : "", *container = *unit ? "" : t->unit;
    const char *const ours[][2] = {
        {"host", r->host}, {"program", t->name}, {"unit", unit}, {"container", container}};
    const char *service = given(r, "service_name");
    item->service = put_value(x->value[HT_PUSH_LABELS], service ? service : t->name, t->pid);
    ht_push_plain_service(x->value[HT_PUSH_LABELS]);
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (!given(r, ours[i][0]))
            add_label(item, x, ours[i][0], strlen(ours[i][0]), ours[i][1], t->pid);
    for (size_t i = 0; i < r->o.labels->n; i++) {
        const char *label = r->o.labels->word[i], *equals = strchr(label, '=');
        if (strncmp(label, "service_name=", 13) != 0)
            add_label(item, x, label, (size_t)(equals - label), equals + 1, t->pid);
    }
}

static void send(struct ht_rounds *r, struct tracked *t, struct ht_profile *p)
{
    struct ht_push_item item = {0};
    struct texts *x = malloc(sizeof *x);
    void *profile = NULL, *data;
    size_t size;
    item.until = p->time_nanos / SECOND;
    item.from = t->last ? t->last : (int64_t)(t->start_ns / SECOND);
    if (!t->last && !t->young)
        item.from = item.until - 1;
    if (item.from >= item.until)
        item.from = item.until - 1;
    p->duration_nanos = (item.until - item.from) * SECOND;
    p->n_comments = 0; /* they are of the whole */
    int err = x ? ht_profile_encode(p, true, &profile, &item.profile_size) : -1;
    item.profile = profile;
    if (!err) {
        put_labels(r, t, &item, x);
        err = ht_push_item_encode(&item, &data, &size);
    }
    if (!err) {
        t->last = item.until;
        ht_queue_add(r->o.queue, data, size);
    } else {
        r->counts.failed++;
    }
    free(profile);
    free(x);
}

static void keep_base(struct ht_rounds *r, struct tracked *t, void *raw, size_t size)
{
    drop_base(r, t);
    if (t->ended || r->bases + size > HT_ROUND_BASES) {
        r->counts.without_base += !t->ended;
        free(raw);
        return;
    }
    t->base = raw;
    t->base_size = size;
    r->bases += size;
}

static void push(struct ht_rounds *r, struct tracked *t, const struct ht_region *region)
{
    char msg[256];
    void *raw;
    size_t size;
    int err = 0;
    if (ht_region_raw(region, NULL, &raw, &size) < 0) {
        r->counts.failed++;
        return;
    }
    struct ht_profile *p = ht_profile_decode(raw, size, &err, msg, sizeof msg);
    int64_t time = p ? p->time_nanos : 0;
    if (p)
        p = ht_push_change(p, t->base, t->base_size, !t->young, msg, sizeof msg);
    if (p) {
        p->time_nanos = time;
        r->o.names(r->o.ctx, p, region->alive ? region->pid : 0);
        ht_profile_remove_uninteresting(p, msg, sizeof msg);
    }
    if (p)
        send(r, t, p);
    else
        r->counts.failed++;
    ht_profile_destroy(p);
    keep_base(r, t, raw, size);
    t->young = false;
}

static struct tracked *find(struct ht_rounds *r, const struct ht_listed *e)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->list[i].start_ns == e->start_wall_ns && (r->list[i].pid == e->pid || !e->alive))
            return &r->list[i];
    return NULL;
}

static struct tracked *add(struct ht_rounds *r, const struct ht_listed *e)
{
    if (r->n == r->room) {
        size_t room = r->room ? r->room * 2 : 32;
        struct tracked *more =
            r->n < HT_ROUND_PROCESSES ? reallocarray(r->list, room, sizeof *more) : NULL;
        if (!more) {
            r->counts.left_out++;
            return NULL;
        }
        r->list = more;
        r->room = room;
    }
    struct tracked *t = &r->list[r->n++];
    *t = (struct tracked){.pid = e->pid,
                          .start_ns = e->start_wall_ns,
                          .fd = -1,
                          .young = e->start_wall_ns >= r->since_ns};
    snprintf(t->name, sizeof t->name, "%s", *e->name ? e->name : "unknown");
    return t;
}

static void push_living(struct ht_rounds *r, const struct ht_listed *e)
{
    struct ht_region region;
    char word[16], msg[256];
    struct tracked *t = find(r, e);
    if (t)
        t->alive = t->listed = true;
    snprintf(word, sizeof word, "%d", (int)e->pid);
    if (ht_region_open_to_read(&region, word, msg, sizeof msg)) {
        r->counts.failed++;
        return;
    }
    r->counts.processes++;
    /* Since it was listed it may have made its region, or become another program: what it has now
     * is listed, under another time, in the next round. */
    bool as_listed = !region.fresh && region.view.header->start_wall_ns == e->start_wall_ns;
    if (as_listed && (t || (t = add(r, e)))) {
        t->alive = t->listed = true;
        snprintf(t->unit, sizeof t->unit, "%s", e->unit);
        if (t->fd < 0 && r->fds < r->max_fds && (t->fd = ht_region_file_of(e->pid)) >= 0)
            r->fds++;
        push(r, t, &region);
    }
    ht_region_close(&region);
}

/* The last profile of a process that has ended: by the file that is open, or else by its name. */
static void push_last(struct ht_rounds *r, struct tracked *t, const char *path)
{
    struct ht_region region;
    char msg[256];
    t->ended = true;
    int err = t->fd >= 0 ? ht_region_open_fd(&region, t->fd, "its region", HT_COPY_AS_NEEDED, msg,
                                             sizeof msg)
              : *path    ? ht_region_open_to_read(&region, path, msg, sizeof msg)
                         : -1;
    if (!err) {
        push(r, t, &region);
        ht_region_close(&region);
    }
    drop_base(r, t);
    close_file(r, t);
}

static void push_dead(struct ht_rounds *r, const struct ht_listed *e)
{
    struct tracked *t = find(r, e);
    /* One that began and was killed between two rounds. */
    if (!t && e->samples && *e->path && e->start_wall_ns >= r->since_ns)
        t = add(r, e);
    if (!t)
        return;
    t->listed = true;
    if (!t->ended && !t->alive)
        push_last(r, t, e->path);
}

static bool is_named(const struct ht_rounds *r, pid_t pid)
{
    char id[16];
    snprintf(id, sizeof id, "%d", (int)pid);
    for (size_t i = 0; i < r->o.n_words; i++)
        if (!strcmp(r->o.words[i], id))
            return true;
    return !r->o.n_words;
}

/* Those that are gone: their last profile, and then they are forgotten. */
static void sweep(struct ht_rounds *r)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->n; i++) {
        struct tracked *t = &r->list[i];
        if (!t->alive && !t->ended)
            push_last(r, t, "");
        if (t->alive || t->listed)
            r->list[kept++] = *t;
    }
    r->n = kept;
}

void ht_rounds_go(struct ht_rounds *r, bool (*stop)(void *ctx), void *ctx,
                  struct ht_rounds_counts *counts)
{
    struct ht_listed *all;
    size_t n;
    r->counts.processes = 0;
    if (!ht_list(&all, &n)) {
        for (size_t i = 0; i < r->n; i++)
            r->list[i].alive = r->list[i].listed = false;
        bool stopped = false;
        /* Living ones come first in the list. */
        for (size_t i = 0; i < n && !(stopped = stop(ctx)); i++) {
            if (*all[i].damage || !is_named(r, all[i].pid))
                continue;
            if (all[i].alive)
                push_living(r, &all[i]);
            else
                push_dead(r, &all[i]);
        }
        if (!stopped)
            sweep(r);
        ht_list_clean(all, n); /* old regions, as ps does */
        free(all);
    }
    *counts = r->counts;
}
